package secrets

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// No secret is in the environment of the browser, of its helpers, or of the
// detached login: not those of ours, nor a variable that a header names.
func TestBrowserInheritsNoSecrets(t *testing.T) {
	const key, other, file, literal = "KEY-IN-A-HEADER-0123456789", "KEY-IN-JSON-0123456789", "KEY-IN-A-FILE-0123456789", "LITERAL-IN-A-FILE-0123456789"
	record, headers := filepath.Join(t.TempDir(), "record"), filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("X-File: ${FILE_KEY}\nX-Literal: "+literal+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := honest(t, func(string, *http.Request, string) string { return "" })
	p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t), "BROWSER_RECORD="+record, "MCP_LOGIN_PASSPHRASE=PASSPHRASE-0123456789",
		"MY_KEY="+key, "FILE_KEY="+file, "JSON_SECRET="+other, "ORDINARY=stays")
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
	stdout, stderr := p.talk(initialize, s.url+"/mcp", "--header", "X-Key: ${MY_KEY}", "--header-file", headers, "--static-oauth-client-info", `{"client_id":"app","client_secret":"${JSON_SECRET}"}`, "--callback-port", strconv.Itoa(real.FreePort(t)))
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
