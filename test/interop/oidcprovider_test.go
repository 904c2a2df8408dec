package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// oidcProvider starts npm oidc-provider, configured like Logto, and returns its
// issuer.
func oidcProvider(t *testing.T, env ...string) string {
	t.Helper()
	issuer, _ := oidcProviderProgram(t, env...)
	return issuer
}

// oidcProviderProgram returns the program as well.
func oidcProviderProgram(t *testing.T, env ...string) (issuer string, p *program) {
	t.Helper()
	node := real.NodeModules(t)
	node.Package(t, "oidc-provider")
	script, err := filepath.Abs(filepath.Join("oidc-provider", "server.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, `^issuer (\S+)$`, env, node.Path, script)
}

// approveCookies plays the person at a provider that keeps its interaction in
// cookies: it opens the address, submits the form with the user, and follows
// all redirects, the one to the client included.
func approveCookies(ctx context.Context, address, user string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar}
	get := func(method, to string, body io.Reader) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, to, body)
		if err != nil {
			return nil, err
		}
		if body != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return browser.Do(req)
	}
	page, err := get(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	defer page.Body.Close()
	if !strings.HasPrefix(page.Request.URL.Path, "/sign-in/") {
		return nil // no form: the answer has gone to the client
	}
	end, err := get(http.MethodPost, page.Request.URL.String(), strings.NewReader(url.Values{"user": {user}}.Encode()))
	if err != nil {
		return err
	}
	defer end.Body.Close()
	if end.StatusCode != http.StatusOK {
		return fmt.Errorf("the last page has status %d", end.StatusCode)
	}
	return nil
}

// approveOIDC is the browser of these tests, as a process.
func approveOIDC(address string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := approveCookies(ctx, address, "alice"); err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}

// oidcEnv is bridgeEnv with that browser.
func oidcEnv(t *testing.T) []string {
	t.Helper()
	return append(bridgeEnv(t), "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve-oidc")
}

// An independent provider, configured like Logto, with a client registered by
// hand: the token is a JWT for the server, and after it has expired the refresh,
// which repeats resource, gives a JWT again; nobody is asked a second time.
func TestOIDCProviderLikeLogto(t *testing.T) {
	issuer := oidcProvider(t, "ACCESS_TTL=3", "CLIENT_ID=native")
	base := whoami(t, issuer)
	env := oidcEnv(t)
	s := open(t, env, binary.Build(t, "mcp-login"), "--client-id", "native", base+"/mcp")
	first := s.whoami()
	if first["sub"] != "alice" || first["iss"] != issuer || first["aud"] != base+"/mcp" {
		t.Errorf("claims %v", first)
	}
	second := first
	for deadline := time.Now().Add(20 * time.Second); second["jti"] == first["jti"] && time.Now().Before(deadline); {
		<-time.After(100 * time.Millisecond) // the token lives for three seconds of the provider's clock
		second = s.again()
	}
	if second["aud"] != base+"/mcp" || second["jti"] == first["jti"] {
		t.Errorf("after the refresh: %v", second)
	}
	s.end()
	if n := strings.Count(s.errOut.String(), "/callback/"); n != 1 {
		t.Errorf("%d logins", n)
	}
	// The next start: the stored refresh token has rotated, and still no login.
	next := open(t, env, binary.Build(t, "mcp-login"), "--client-id", "native", base+"/mcp")
	if claims := next.whoami(); claims["sub"] != "alice" {
		t.Errorf("claims %v", claims)
	}
	next.end()
	if strings.Contains(next.errOut.String(), "/callback/") {
		t.Error("the next start asked for a login")
	}
}

// The same provider with dynamic registration: no flag at all.
func TestOIDCProviderWithRegistration(t *testing.T) {
	base := whoami(t, oidcProvider(t, "DCR=1"))
	s := open(t, oidcEnv(t), binary.Build(t, "mcp-login"), base+"/mcp")
	if claims := s.whoami(); claims["sub"] != "alice" {
		t.Errorf("claims %v", claims)
	}
	s.end()
}

// The same provider with pushed authorization requests (RFC 9126), offered and required:
// each kind of client pushes its request once for a sign-in, and authenticates at it as at
// the token endpoint. Nobody needs a flag for it.
func TestOIDCProviderWithPushedRequests(t *testing.T) {
	const clients = `[
		{"client_id":"by-basic","client_secret":"a secret: %","token_endpoint_auth_method":"client_secret_basic","application_type":"native","redirect_uris":["http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"]},
		{"client_id":"by-form","client_secret":"another secret","token_endpoint_auth_method":"client_secret_post","application_type":"native","redirect_uris":["http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"]}
	]`
	for _, par := range []string{"offered", "required"} {
		issuer, provider := oidcProviderProgram(t, "DCR=1", "CLIENT_ID=native", "CLIENTS="+clients, "PAR="+par)
		base := whoami(t, issuer)
		for client, secret := range map[string]string{"": "", "native": "", "by-basic": "a secret: %", "by-form": "another secret"} {
			args := []string{base + "/mcp"}
			if client != "" {
				args = append([]string{"--client-id", client}, args...)
			}
			env := append(oidcEnv(t), "MCP_LOGIN_CLIENT_SECRET="+secret)
			before := strings.Count(provider.String(), "pushed "+client)
			s := open(t, env, binary.Build(t, "mcp-login"), args...)
			if claims := s.whoami(); claims["sub"] != "alice" || claims["aud"] != base+"/mcp" {
				t.Errorf("%s, client %q: claims %v", par, client, claims)
			}
			s.end()
			// The probe of a client that was given is pushed where nothing else is taken.
			want := 1
			if par == "required" && client != "" {
				want = 2
			}
			if n := strings.Count(provider.String(), "pushed "+client) - before; n != want {
				t.Errorf("%s, client %q: %d requests were pushed", par, client, n)
			}
		}
	}
}

// A browser elsewhere gets an address that works where the provider wants requests to be
// pushed, and the person hears how long it does.
func TestOIDCProviderWithPushedRequestElsewhere(t *testing.T) {
	base := whoami(t, oidcProvider(t, "DCR=1", "PAR=required"))
	cmd := exec.CommandContext(t.Context(), binary.Build(t, "mcp-login"), "login", "--no-browser", base+"/mcp")
	cmd.Env = append(os.Environ(), bridgeEnv(t)...)
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	address := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if _, found, ok := strings.Cut(lines.Text(), "http://"); ok && strings.Contains(found, "request_uri=") {
			address = "http://" + found
		}
		if address != "" && strings.Contains(lines.Text(), "takes this address for 1 min only") {
			if err := approveCookies(t.Context(), address, "alice"); err != nil {
				t.Error(err)
			}
			address = ""
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(said, "\n"))
	}
}
