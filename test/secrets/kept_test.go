package secrets

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Verbs that go through several logins build each from what is kept: no token,
// header, certificate or client secret that was given for one server reaches
// another server or its provider.
func TestA2ForeignSecretsStayAway(t *testing.T) {
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
			if _, stderr, code := p.run(verb...); code != 2 || !strings.Contains(stderr, "is for one server") || strings.Contains(stderr, token) {
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
func TestA2SecretOfAnotherClient(t *testing.T) {
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

// No secret is in the environment of the browser, of its helpers, or of the
// detached login: not those of ours, nor a variable that a header names.
func TestW6Environment(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("environments of other processes are read from /proc")
	}
	const key, other, file, literal = "KEY-IN-A-HEADER-0123456789", "KEY-IN-JSON-0123456789", "KEY-IN-A-FILE-0123456789", "LITERAL-IN-A-FILE-0123456789"
	record, headers := filepath.Join(t.TempDir(), "record"), filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("X-File: ${FILE_KEY}\nX-Literal: "+literal+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := honest(t, func(string, *http.Request, string) string { return "" })
	p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t), "BROWSER_RECORD="+record, "MCP_LOGIN_PASSPHRASE=PASSPHRASE-0123456789",
		"MY_KEY="+key, "FILE_KEY="+file, "JSON_SECRET="+other, "ORDINARY=stays")
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
	stdout, stderr := p.talk(initialize, s.url+"/mcp", "--header", "X-Key: ${MY_KEY}", "--header-file", headers, "--static-oauth-client-info", `{"client_id":"app","client_secret":"${JSON_SECRET}"}`)
	if !strings.Contains(stdout, `"serverInfo"`) {
		t.Fatalf("%s\n%s", stdout, stderr)
	}
	seen, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err, stderr)
	}
	if !strings.Contains(string(seen), "detached-login") {
		t.Errorf("the login was not detached: %s", seen)
	}
	for _, value := range []string{key, other, file, literal, "PASSPHRASE-0123456789"} {
		if strings.Contains(string(seen), value) {
			t.Errorf("%s is in the environment or the arguments of the browser or of what started it", value)
		}
	}
	if !strings.Contains(string(seen), "ORDINARY=stays") {
		t.Error("other variables are gone")
	}
	if heard := s.heard(); !strings.Contains(heard, key) || !strings.Contains(heard, file) || !strings.Contains(heard, literal) {
		t.Errorf("the headers did not arrive: %s", heard)
	}
}
