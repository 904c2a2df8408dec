package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
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
	node := real.NodeModules(t)
	node.Package(t, "oidc-provider")
	script, err := filepath.Abs(filepath.Join("oidc-provider", "server.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := start(t, `^issuer (\S+)$`, env, node.Path, script)
	return issuer
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
