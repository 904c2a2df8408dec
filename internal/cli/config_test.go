package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a file says reaches the terminal without its control characters.
func TestListPrintsNoControls(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mcp.json")
	must(t, os.WriteFile(file, []byte(`{"mcpServers":{"a\u001b[2Jb\nc":{"command":"mcp-login","args":["https://a.example/"]}}}`), 0o600))
	code, got, said := runWith(t, "", []string{"config", "--list", "cursor", "--file", file}, "HOME", dir)
	if code != 0 {
		t.Fatalf("%d: %s", code, said)
	}
	if strings.Count(got, "\n") != 2 || strings.Contains(got, "\x1b") || !strings.Contains(got, "a[2Jb; c") {
		t.Errorf("%q", got)
	}
}

// An entry that mcp-login would refuse to start with stays with mcp-remote, and
// the reason tells no value.
func TestAnEntryThatCannotStartStaysWithMCPRemote(t *testing.T) {
	a := &app{getenv: env()}
	for _, tc := range []struct{ args, why string }{
		{"U", ""},
		{"U 9696 --debug --header X:${KEY} --transport http-only", ""},
		{"${input:url} --allow-http", ""},
		{`U --static-oauth-client-info {"client_id":"${ID}"}`, ""},
		{"U --verbose", "there is no flag --verbose"},
		{"U --s3cret=s3cret", "there is no flag --s3cret"},
		{"U -s3cret", "make no sense"},
		{"U s3cret", "neither flags nor the one address"},
		{"--debug", "neither flags nor the one address"},
		{"U --auth-timeout soon", "--auth-timeout: "},
		{"U --resource", "make no sense"},
	} {
		why := a.judgeArguments(strings.Fields(strings.ReplaceAll(tc.args, "U", "https://example.com/mcp")))
		if (why == "") != (tc.why == "") || !strings.Contains(why, tc.why) || strings.Contains(strings.TrimPrefix(why, "there is no flag --s3cret"), "s3cret") {
			t.Errorf("%s: %q", tc.args, why)
		}
	}
}
