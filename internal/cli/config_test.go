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

// Who moves entries is told what does not hold any more, and how the logins come along.
func TestMovingNamesWhatIsLostAndHowLoginsAreKept(t *testing.T) {
	home, theirs := t.TempDir(), t.TempDir()
	file := filepath.Join(home, "mcp.json")
	move := func(text string, flags ...string) (out, said string) {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		args := append([]string{"config", "--from-mcp-remote", "cursor", "--file", file, "--command", "mcp-login"}, flags...)
		code, out, said := runWith(t, "", args, "HOME", home, "MCP_REMOTE_CONFIG_DIR", theirs)
		if code != exitOK {
			t.Fatalf("%d %s", code, said)
		}
		return out, said
	}
	const plain = `{"mcpServers":{"a":{"command":"npx","args":["mcp-remote","https://a.example/mcp"]}}}`
	unchecked := strings.Replace(plain, `]}`, `],"env":{"NODE_TLS_REJECT_UNAUTHORIZED":"0"}}`, 1)
	for _, flags := range [][]string{nil, {"--write"}} {
		if _, said := move(unchecked, flags...); !strings.Contains(said, "cursor: a: NODE_TLS_REJECT_UNAUTHORIZED=0 of the entry has no effect") || !strings.Contains(said, "--ca-file FILE") {
			t.Errorf("%q: %s", flags, said)
		}
		if _, said := move(plain, flags...); strings.Contains(said, "NODE_TLS") || strings.Contains(said, "import mcp-remote") {
			t.Errorf("%q: %s", flags, said)
		}
	}
	if out, _ := move(unchecked, "--json"); !strings.Contains(out, `"warning": "NODE_TLS`) {
		t.Error(out)
	}
	folder := filepath.Join(theirs, "mcp-remote-v1")
	must(t, os.Mkdir(folder, 0o700))
	must(t, os.WriteFile(filepath.Join(folder, strings.Repeat("a", 32)+"_tokens.json"), []byte(`{"access_token":"s3cret"}`), 0o600))
	if _, said := move(plain, "--write"); !strings.Contains(said, "to take them over run: mcp-login import mcp-remote") || strings.Contains(said, "s3cret") {
		t.Error(said)
	}
}

// What the bridge would refuse at its start is refused when it is written into an entry.
func TestAnEntryThatCannotStartIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mcp.json")
	for _, bad := range []string{
		"--callback-host 0.0.0.0", "--callback-port 99999", "--issuer x", "--transport x", "--timeout -1s", "--token-command '", "--auth-param x",
		"--host 0.0.0.0", "--client-cert /nope", "--resource https://a.example --no-resource", "--auth-timeout soon", "--success-url x",
	} {
		args := append(strings.Fields("config cursor https://example.com/mcp --write --file "+file+" --"), strings.Fields(bad)...)
		if code, _, said := runWith(t, "", args, "HOME", dir); code != exitUsage {
			t.Errorf("%s: %d %s", bad, code, said)
		}
		if _, err := os.Stat(file); err == nil {
			t.Fatalf("%s: it is written", bad)
		}
	}
	good := strings.Fields("config cursor https://example.com/mcp --write --command mcp-login --file " + file + " -- --header X:${NOPE} --debug --host localhost --issuer https://a.example")
	if code, _, said := runWith(t, "", good, "HOME", dir); code != exitOK {
		t.Errorf("%d %s", code, said)
	}
}
