package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/terminal"
)

// A client whose bridge cannot begin gets an answer to each request; a verb, and a
// word that is no server, ends at once.
func TestAClientOfABridgeThatCannotBeginIsAnswered(t *testing.T) {
	requests := `{"jsonrpc":"2.0","id":"a","method":"initialize","params":{}}` + "\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n"
	for line, answers := range map[string]int{
		"https://example.com/mcp --header X-Key:${NOPE}": 2, "https://example.com/mcp --nonsense": 2, "--header X-Key:${NOPE} https://example.com/mcp": 2,
		`https://example.com/mcp --static-oauth-client-info {"client_id":"${NOPE}"}`: 2,
		"https://example.com/mcp --store none":                                       2,
		"tools https://example.com/mcp --header X-Key:${NOPE}":                       0, "--nonsense": 0, "nonsense": 0,
	} {
		var out, errOut bytes.Buffer
		a := &app{in: strings.NewReader(requests), term: onPipes(&out, &errOut), getenv: env("MCP_LOGIN_DIR", filepath.Join(t.TempDir(), "x"))}
		code := a.run(t.Context(), strings.Fields(line))
		want := exitUsage
		if strings.Contains(line, "--store") {
			want = exitStore
		}
		if code != want || strings.Count(out.String(), `"code":1000`) != answers || strings.Count(out.String(), "\n") != answers || !strings.Contains(errOut.String(), "error: ") {
			t.Errorf("%s: %d\n%s%s", line, code, out.String(), errOut.String())
		}
		if answers > 0 && (!strings.Contains(out.String(), `"id":"a"`) || strings.Contains(line, "NOPE") && !strings.Contains(out.String(), "NOPE")) {
			t.Errorf("%s: %s", line, out.String())
		}
	}
	if terminal.IsTerminal(nil) {
		t.Error("no file is no terminal")
	}
}
