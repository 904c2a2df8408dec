package secrets

import (
	"net/http"
	"strings"
	"testing"
)

// Verbs that go through several logins build each from what is kept: no token,
// header, certificate or client secret that was given for one server reaches
// another server or its provider.
func TestForeignSecretsStayAway(t *testing.T) {
	n := newInternet(t, func(host string, r *http.Request, body string) string {
		return world(func() string { return "https://" + host }, "-", nil)(r, body)
	})
	p := newProgram(t, n.env...)
	hosts := []string{"a.victim.example", "b.evil.example"}
	for _, host := range hosts {
		// The client of b is given by hand, and has no secret.
		args := []string{"login", "https://" + host + "/mcp", "--device", "--timeout=20s"}
		if host == "b.evil.example" {
			args = append(args, "--client-id=app")
		}
		if _, stderr, code := p.run(args...); code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
	}
	const token = "TOKEN-OF-A-0123456789"
	p.env = append(p.env, "MCP_LOGIN_TOKEN="+token, "MCP_LOGIN_CLIENT_SECRET="+secret, "MCP_LOGIN_CLIENT_ID=other", "MCP_LOGIN_ISSUER=https://x.evil.example", "KEY="+token)
	nothing := func(what string) {
		t.Helper()
		for _, host := range hosts {
			if heard := n.heard(host); strings.Contains(heard, token) || carriesSecret(heard) {
				t.Errorf("%s: %s heard what is not its own:\n%s", what, host, heard)
			}
		}
	}
	stdout, stderr, code := p.run("status", "--json")
	if code != 0 || strings.Count(stdout, `"works"`) != 2 || !strings.Contains(stderr, "MCP_LOGIN_TOKEN is for one server") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	nothing("status")
	for _, flag := range []string{"--header=X-Key: ${KEY}", "--client-secret-file=/dev/null", "--client-key=/dev/null", "--client-id=app", "--client-cert=/dev/null", "--token-endpoint=https://x.evil.example", "--issuer=https://x.evil.example", "--resource=x", "--header-file=/dev/null", "--id-token"} {
		for _, verb := range [][]string{{"status", flag}, {"logout", "--all", flag}} {
			_, stderr, code := p.run(verb...)
			refused := strings.Contains(stderr, "is for one server") || strings.Contains(stderr, "has no effect here")
			if code != 2 || !refused || strings.Contains(stderr, token) {
				t.Errorf("%v: exit %d: %s", verb, code, stderr)
			}
		}
	}
	nothing("refused flags")
	// Of the server that is named the secret is still only for its own client.
	p.env = append(p.env, "MCP_LOGIN_TOKEN=")
	if stdout, stderr, code := p.run("status", "https://b.evil.example/mcp"); code != 0 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	nothing("status URL")
	if _, stderr, code := p.run("logout", "--all"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	nothing("logout --all")
	for _, host := range hosts {
		if !strings.Contains(n.heard(host), "/revoke") {
			t.Errorf("%s was not told", host)
		}
	}
}

// The secret of a variable is for the client of the variables.
func TestSecretOfAnotherClient(t *testing.T) {
	s := honest(t, func(string, *http.Request, string) string { return "" })
	p := newProgram(t, "MCP_LOGIN_CLIENT_SECRET="+secret, "MCP_LOGIN_CLIENT_ID=other")
	_, stderr, _ := p.run("login", s.url+"/mcp", "--device", "--client-id=app", "--timeout=20s")
	if !strings.Contains(stderr, "is not used for this one") {
		t.Errorf("nothing is said of it: %s", stderr)
	}
	if carriesSecret(s.heard()) {
		t.Errorf("a client had the secret of another one:\n%s", s.heard())
	}
}

// A login kept without --issuer is found when the flag is added, and stays where
// programs without the flag find it.
func TestIssuerAdoptsALogin(t *testing.T) {
	s := honest(t, func(string, *http.Request, string) string { return "" })
	p := newProgram(t)
	if _, stderr, code := p.run("login", s.url+"/mcp", "--device", "--timeout=20s"); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	before := strings.Count(s.heard(), "/device")
	stdout, stderr, code := p.run("login", s.url+"/mcp", "--issuer="+s.url, "--device", "--timeout=20s")
	if code != 0 || !strings.Contains(stdout, "already signed in") || strings.Count(s.heard(), "/device") != before {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if stdout, _, _ := p.run("status", "--json"); strings.Count(stdout, `"server"`) != 1 {
		t.Errorf("kept are %s", stdout)
	}
}
