package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

// wayClients are registered by hand at npm oidc-provider.
var wayClients = []map[string]any{
	wayClient("basic", "client_secret_basic"), wayClient("post", "client_secret_post"),
	{
		"client_id": "device", "application_type": "native", "token_endpoint_auth_method": "none",
		"grant_types": []string{deviceGrant, "refresh_token"}, "response_types": []string{}, "redirect_uris": []string{},
	},
	{
		"client_id": "machine", "client_secret": waySecret, "application_type": "web", "token_endpoint_auth_method": "client_secret_post",
		"grant_types": []string{"client_credentials"}, "response_types": []string{}, "redirect_uris": []string{},
	},
}

// waySecret has characters that must be form-encoded before they go into Basic.
const waySecret = "s3cret& +:%"

func wayClient(id, method string) map[string]any {
	return map[string]any{
		"client_id": id, "client_secret": waySecret, "application_type": "native", "token_endpoint_auth_method": method,
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "redirect_uris": []string{"http://127.0.0.1/callback"},
	}
}

// ways starts the provider with these clients and a whoami server.
func ways(t *testing.T) (issuer, url string) {
	t.Helper()
	clients, err := json.Marshal(wayClients)
	if err != nil {
		t.Fatal(err)
	}
	issuer = oidcProvider(t, "ACCESS_TTL=600", "CLIENTS="+string(clients))
	return issuer, whoami(t, issuer) + "/mcp"
}

// Confidential clients, each in the way the provider knows it; on logout the
// refresh token is revoked: the provider takes it no more.
func TestOIDCProviderConfidentialClients(t *testing.T) {
	_, url := ways(t)
	for _, id := range []string{"basic", "post"} {
		env := append(oidcEnv(t), "MCP_LOGIN_CLIENT_SECRET="+waySecret)
		s := open(t, env, binary.Build(t, "mcp-login"), "--client-id", id, url)
		if claims := s.whoami(); claims["sub"] != "alice" {
			t.Errorf("%s: claims %v", id, claims)
		}
		s.end()
		state := stateOf(env)
		kept := filepath.Join(t.TempDir(), "kept")
		if err := os.CopyFS(kept, os.DirFS(state)); err != nil {
			t.Fatal(err)
		}
		want(t, run(t, env, binary.Build(t, "mcp-login"), "logout", "--client-id", id, url), "signed out")
		// What was stored before, used again: its token has ended and must be
		// renewed, which the provider refuses.
		expire(t, kept)
		cmd := exec.Command(binary.Build(t, "mcp-login"), "token", "--client-id", id, url)
		cmd.Env = append(append(os.Environ(), env...), "MCP_LOGIN_DIR="+kept)
		if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%s: a revoked login was renewed: %s", id, out)
		}
	}
}

func stateOf(env []string) (state string) {
	for _, pair := range env {
		if dir, ok := strings.CutPrefix(pair, "MCP_LOGIN_DIR="); ok {
			state = dir
		}
	}
	return state
}

// expire makes every stored access token one that has ended.
func expire(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.plain"))
	if err != nil || len(files) == 0 {
		t.Fatal("no login is stored", err)
	}
	ends := regexp.MustCompile(`"expires_at":"[^"]*"`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err == nil {
			err = os.Chmod(file, 0o600) // a copy has lost its mode
		}
		if err == nil {
			err = os.WriteFile(file, ends.ReplaceAll(b, []byte(`"expires_at":"2020-01-01T00:00:00Z"`)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// The device grant at npm oidc-provider, approved on its own pages.
func TestOIDCProviderDevice(t *testing.T) {
	issuer, url := ways(t)
	cmd := exec.Command(binary.Build(t, "mcp-login"), "login", "--device", "--client-id", "device", url)
	cmd.Env = append(append(os.Environ(), bridgeEnv(t)...), "MCP_LOGIN_BROWSER=none")
	errOut, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	said := make([]byte, 0, 4096)
	prompt := regexp.MustCompile(`\(within [^)]*\):\n(\S+)\nmcp-login: and enter the code:\n(\S+)\n`)
	var found [][]byte
	for found == nil {
		chunk := make([]byte, 1024)
		n, err := errOut.Read(chunk)
		if said = append(said, chunk[:n]...); err != nil {
			t.Fatalf("no code: %v: %s", err, said)
		}
		found = prompt.FindSubmatch(said)
	}
	p := &party{T: t, provider: &provider{issuer: issuer}}
	p.browse(string(found[1])+"?user_code="+string(found[2]), "alice")
	rest, _ := io.ReadAll(errOut)
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "signed in") {
		t.Errorf("%v: %s%s%s", err, out.String(), said, rest)
	}
}

// A machine signs in as itself.
func TestOIDCProviderClientCredentials(t *testing.T) {
	_, url := ways(t)
	env := append(bridgeEnv(t), "MCP_LOGIN_CLIENT_SECRET="+waySecret, "MCP_LOGIN_BROWSER=none")
	token := run(t, env, binary.Build(t, "mcp-login"), "login", "--client-credentials", "--client-id", "machine", url)
	want(t, token, "signed in")
}

// RFC 7592: on request the client that registered itself is deleted at the
// provider; its registration is then unknown there.
func TestOIDCProviderDeletesRegistration(t *testing.T) {
	url := whoami(t, oidcProvider(t, "DCR=1", "MANAGE=1")) + "/mcp"
	home := t.TempDir()
	env := append(oidcEnv(t), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+home)
	for _, verb := range [][]string{{"logout", url}, {"uninstall", "--write"}} {
		want(t, run(t, env, binary.Build(t, "mcp-login"), "login", url), "signed in")
		at := registrationIn(t, stateOf(env))
		// Not read before: the provider changes the token with each look.
		want(t, run(t, env, binary.Build(t, "mcp-login"), append(verb, "--delete-registration")...), url)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URI, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+at.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: the registration is still there: %d", verb[0], resp.StatusCode)
		}
	}
}

// registration is where one is managed.
type registration struct {
	URI   string `json:"registration_client_uri"`
	Token string `json:"registration_access_token"`
}

// registrationIn is that of the one login in a folder.
func registrationIn(t *testing.T, state string) registration {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "*.plain"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Credential struct {
			Registration registration `json:"registration"`
		} `json:"credential"`
	}
	if err := json.Unmarshal(content, &kept); err != nil || kept.Credential.Registration.URI == "" {
		t.Fatal("no address to manage the registration at", err)
	}
	return kept.Credential.Registration
}
