package secrets

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

const secret = "SECRET-OF-A-CLIENT-0123456789"

// pretender is an MCP server at https://mcp.victim.example that names the issuer
// at https://NAMED, where a provider answers.
func pretender(named string) func(host string, r *http.Request, body string) string {
	return func(host string, r *http.Request, body string) string {
		said := world(func() string { return "https://" + host }, "-", nil)(r, body)
		if host == "mcp.victim.example" && strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
			return jsonAnswer(`{"resource":"https://mcp.victim.example/mcp","authorization_servers":["https://` + named + `"]}`)
		}
		return said
	}
}

// carriesSecret looks for it in plain, and in Basic authentication.
func carriesSecret(heard string) bool {
	return strings.Contains(heard, secret) || strings.Contains(heard, base64.StdEncoding.EncodeToString([]byte("app:"+secret)))
}

// Without a person the server alone names the provider that gets the client
// secret: at first contact it goes to none but one of the server's own site, one
// that the person named, or one that had it before.
func TestClientSecretAtFirstContact(t *testing.T) {
	const server = "https://mcp.victim.example/mcp"
	ways := map[string][]string{
		"client credentials": {"--client-credentials"},
		"device":             {"--device"},
		"code":               {"--no-browser"},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, pretender("login.evil.example"))
			p := newProgram(t, append(n.env, "MCP_LOGIN_CLIENT_SECRET="+secret)...)
			args := append([]string{"login", server, "--client-id=app", "--timeout=4s"}, way...)
			_, stderr, code := p.run(args...)
			if code != 4 || !strings.Contains(stderr, "add: --issuer https://login.evil.example\n") {
				t.Errorf("exit %d: %s", code, stderr)
			}
			if strings.Contains(stderr, secret) {
				t.Errorf("the secret is shown: %s", stderr)
			}
			if heard := n.heard("login.evil.example"); carriesSecret(heard) || strings.Contains(heard, "/token") || strings.Contains(heard, "/device") {
				t.Errorf("the provider that the server named heard:\n%s", heard)
			}
			// An assertion names its audience, and is of no use elsewhere; so it is
			// not what this is about. The line of the hint is.
			_, stderr, code = p.run(append(args, "--issuer=https://login.evil.example")...)
			if name == "code" {
				if !strings.Contains(stderr, "https://login.evil.example/authorize?") {
					t.Errorf("with the line of the hint: exit %d: %s", code, stderr)
				}
				return
			}
			if !carriesSecret(n.heard("login.evil.example")) {
				t.Errorf("with the line of the hint the secret was not sent: exit %d: %s", code, stderr)
			}
		})
	}
	t.Run("own site", func(t *testing.T) {
		t.Parallel()
		n := newInternet(t, pretender("login.victim.example"))
		p := newProgram(t, append(n.env, "MCP_LOGIN_CLIENT_SECRET="+secret)...)
		_, stderr, code := p.run("login", server, "--client-id=app", "--client-credentials")
		if code != 0 || !carriesSecret(n.heard("login.victim.example")) {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
	t.Run("the bridge says so", func(t *testing.T) {
		t.Parallel()
		n := newInternet(t, pretender("login.evil.example"))
		p := newProgram(t, append(n.env, "MCP_LOGIN_CLIENT_SECRET="+secret)...)
		stdout, _ := p.talk(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`, server, "--client-id=app", "--client-credentials")
		if !strings.Contains(stdout, `"code":1002`) || !strings.Contains(stdout, "--issuer https://login.evil.example") {
			t.Errorf("the client was told: %s", stdout)
		}
		if carriesSecret(n.heard("login.evil.example")) {
			t.Error("the secret was sent")
		}
	})
	t.Run("mcp-remote's words", func(t *testing.T) {
		t.Parallel()
		n := newInternet(t, pretender("login.evil.example"))
		p := newProgram(t, append(n.env, "THE_SECRET="+secret)...)
		stdout, _ := p.talk(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`, server, "--static-oauth-client-info", `{"client_id":"app","client_secret":"${THE_SECRET}"}`, "--client-credentials")
		if !strings.Contains(stdout, `"code":1002`) || carriesSecret(n.heard("login.evil.example")) || carriesSecret(stdout) {
			t.Errorf("the client was told: %s", stdout)
		}
	})
}

// --issuer is the only provider: another one that the server names gets no request.
// The variable, which other servers see as well, does not lead to its provider where
// the server does not name it: that is refused with both names, and nobody is asked.
func TestIssuerIsPinned(t *testing.T) {
	n := newInternet(t, pretender("login.evil.example"))
	args := []string{"login", "https://mcp.victim.example/mcp", "--device", "--timeout=20s"}
	_, stderr, code := newProgram(t, append(n.env, "MCP_LOGIN_ISSUER=https://login.honest.example")...).run(args...)
	if code != 4 || !strings.Contains(stderr, "https://login.evil.example") || !strings.Contains(stderr, "--issuer https://login.honest.example") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if heard := n.heard("login.evil.example") + n.heard("login.honest.example"); heard != "" {
		t.Errorf("somebody heard %s", heard)
	}
	_, stderr, code = newProgram(t, n.env...).run(append(args, "--issuer=https://login.honest.example")...)
	if code != 0 || !strings.Contains(stderr, "at https://login.honest.example, open") || n.heard("login.evil.example") != "" {
		t.Errorf("exit %d: %s, and another provider heard %s", code, stderr, n.heard("login.evil.example"))
	}
}

// A client given by hand stays with the issuer that it was first used at, although
// the login there came to nothing.
func TestClientOfAnAttempt(t *testing.T) {
	second := honest(t, func(string, *http.Request, string) string { return "" })
	var named string
	first := honest(t, func(base string, r *http.Request, _ string) string {
		if named != "" && strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
			return jsonAnswer(`{"resource":"` + base + `/mcp","authorization_servers":["` + named + `"]}`)
		}
		return ""
	})
	p := newProgram(t)
	args := []string{"login", first.url + "/mcp", "--client-id=by-hand", "--no-browser", "--timeout=2s"}
	if _, stderr, _ := p.run(args...); !strings.Contains(stderr, first.url+"/authorize") {
		t.Fatal(stderr)
	}
	named = second.url
	_, stderr, code := p.run(args...)
	if code == 0 || !strings.Contains(stderr, "the client by-hand belongs to "+first.url) || !strings.Contains(stderr, "--issuer "+second.url) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if strings.Contains(second.heard(), "by-hand") {
		t.Errorf("another issuer heard %s", second.heard())
	}
	// The line of the hint is another account.
	if _, stderr, _ := p.run(append(args, "--issuer="+second.url)...); !strings.Contains(stderr, second.url+"/authorize") {
		t.Error(stderr)
	}
}

// The secret of a login goes on to the issuer that had it, also when the login is
// made again and the issuer not named again; another issuer later gets neither the
// secret nor the client id, whether the first one was named or not.
func TestClientStaysWithItsIssuer(t *testing.T) {
	const server = "https://mcp.victim.example/mcp"
	named := "login.honest.example"
	n := newInternet(t, func(host string, r *http.Request, body string) string { return pretender(named)(host, r, body) })
	p := newProgram(t, append(n.env, "MCP_LOGIN_CLIENT_SECRET="+secret)...)
	args := []string{"login", server, "--client-id=app", "--device", "--timeout=20s"}
	if _, stderr, code := p.run(append(args, "--issuer=https://login.honest.example")...); code != 0 || !strings.Contains(stderr, "at https://login.honest.example, open") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if _, stderr, code := p.run(append(args, "--issuer=https://login.honest.example", "--again")...); code != 0 {
		t.Fatalf("again: exit %d: %s", code, stderr)
	}
	named = "login.evil.example"
	if _, stderr, code := p.run(append(args, "--again")...); code != 0 || !strings.Contains(stderr, "at https://login.honest.example, open") {
		t.Errorf("not named again: exit %d: %s", code, stderr)
	}
	args = append(args, "--profile=other")
	named = "login.victim.example"
	if _, stderr, code := p.run(args...); code != 0 {
		t.Fatalf("the server's own site: exit %d: %s", code, stderr)
	}
	named = "login.evil.example"
	_, stderr, code := p.run(append(args, "--again")...)
	if code == 0 || !strings.Contains(stderr, "--issuer https://login.evil.example") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if heard := n.heard("login.evil.example"); carriesSecret(heard) || strings.Contains(heard, "=app") {
		t.Errorf("another issuer heard %s", heard)
	}
}
