package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/mcpremote"
	"mcp-login/internal/terminal"
)

// A bridge starts without the verbs, and nobody can tell: what is refused, and
// in which words, is the same with them.
func TestABridgeWithoutVerbsRefusesTheSame(t *testing.T) {
	lines := [][]string{
		{"https://mcp.example.com/mcp", "--nosuch"},
		{"https://mcp.example.com/mcp", "--transprot=http"},
		{"https://mcp.example.com/mcp", "login"},
		{"https://mcp.example.com/mcp", "https://two.example.com/mcp"},
		{"https://mcp.example.com/mcp", "--transport=carrier-pigeon"},
		{"https://mcp.example.com/mcp", "--timeout", "soon"},
		{"ftp://mcp.example.com/mcp"},
		{"http://mcp.example.com/mcp"},
		{"https://mcp.example.com/mcp", "--", "--help-me"},
	}
	for _, line := range lines {
		if plainBridge(line) != (len(line) < 3 || line[1] != "--") {
			t.Errorf("%q: plainBridge is %v", line, plainBridge(line))
		}
		without, with := refusal(t, newBridge, line), refusal(t, newRoot, line)
		if without == "" || without != with {
			t.Errorf("%q:\n%s\nwith the verbs:\n%s", line, without, with)
		}
	}
	for _, line := range [][]string{{}, {"login", "https://mcp.example.com/mcp"}, {"--store=file", "login", "https://mcp.example.com/mcp"}, {"https://mcp.example.com/mcp", "--help"}, {"https://mcp.example.com/mcp", "-h"}} {
		if plainBridge(line) {
			t.Errorf("%q is taken for a bridge's", line)
		}
	}
}

// Behind whatever flag of ours an address stands, it is that flag's value and not the
// server, and the port of mcp-remote is found behind the server.
func TestValuesOfOurFlagsAreNotTheServer(t *testing.T) {
	a := &app{getenv: env()}
	newBridge(a).Flags().VisitAll(func(f *pflag.Flag) {
		flag := "--" + f.Name
		if f.NoOptDefVal != "" || slices.ContainsFunc(mcpremote.Flags, func(row mcpremote.Row) bool { return row.Name() == flag }) {
			return
		}
		got, err := a.translate(newRoot(a), []string{flag, "https://value.example", "https://mcp.example.com/mcp", "9696"})
		i := slices.Index(got, flag)
		if err != nil || i < 0 || !slices.Contains(got, "--callback-port=9696") != (flag == "--callback-port") || got[i+1] != "https://value.example" {
			t.Errorf("%s: %q, %v", flag, got, err)
		}
	})
}

// refusal runs a command line that makes no sense and returns what is said.
func refusal(t *testing.T, build func(*app) *cobra.Command, line []string) string {
	t.Helper()
	var out, err bytes.Buffer
	a := &app{in: bytes.NewReader(nil), term: onPipes(io.Discard, &err), getenv: func(string) string { return "" }, given: line}
	root := build(a)
	root.SetArgs(line)
	root.SetIn(a.in)
	root.SetOut(&out)
	root.SetErr(&out)
	failed := root.ExecuteContext(t.Context())
	if failed == nil {
		t.Errorf("%q is not refused", line)
		return ""
	}
	a.term.Error(failed)
	return err.String() + out.String()
}

// A client whose bridge cannot begin gets an answer to each request, whatever is wrong
// with its command line; a verb ends at once.
func TestAClientOfABridgeThatCannotBeginIsAnswered(t *testing.T) {
	requests := `{"jsonrpc":"2.0","id":"a","method":"initialize","params":{}}` + "\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n"
	badKey := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(badKey, []byte("no key"), 0o600))
	for line, answers := range map[string]int{
		"https://example.com/mcp --header X-Key:${NOPE}": 2, "https://example.com/mcp --nonsense": 2, "--header X-Key:${NOPE} https://example.com/mcp": 2,
		`https://example.com/mcp --static-oauth-client-info {"client_id":"${NOPE}"}`: 2,
		"https://example.com/mcp --store none":                                       2,
		"MCP_LOGIN_STORE=none https://example.com/mcp":                               2,
		"https://example.com/mcp --auth-param state=1":                               2,
		"https://example.com/mcp --client-id x --client-key " + badKey:               2,
		"MCP_LOGIN_TOKEN=ü https://example.com/mcp":                                  2,
		"tools https://example.com/mcp --header X-Key:${NOPE}":                       0, "tools --nonsense": 0, "config nonsense": 0,
		"--nonsense": 2, "nonsense": 2, "example.com/mcp": 2, "logn https://example.com/mcp": 2, "": 2,
	} {
		words, variables := strings.Fields(line), []string{"MCP_LOGIN_DIR", filepath.Join(t.TempDir(), "x")}
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "MCP_LOGIN_") {
			words, variables = words[1:], append(variables, name, strings.Fields(value)[0])
		}
		code, out, said := runWith(t, requests, words, variables...)
		want := exitUsage
		if strings.HasPrefix(line, "MCP_LOGIN_STORE") {
			want = exitStore
		}
		if code != want || strings.Count(out, `"code":1000`) != answers || strings.Count(out, "\n") != answers || !strings.Contains(said, "error: ") && line != "" {
			t.Errorf("%s: %d\n%s%s", line, code, out, said)
		}
		if answers > 0 && (!strings.Contains(out, `"id":"a"`) || strings.Contains(line, "NOPE") && !strings.Contains(out, "NOPE")) {
			t.Errorf("%s: %s", line, out)
		}
	}
	if terminal.IsTerminal(nil) {
		t.Error("no file is no terminal")
	}
}

// Who is no client is not waited for: neither a stdin that says something else, nor one
// that stays open and says nothing.
func TestAScriptWithAWrongCommandLineEnds(t *testing.T) {
	if code, out, _ := runWith(t, "hello\n{}", []string{"nonsense"}); code != exitUsage || out != "" {
		t.Errorf("%d %s", code, out)
	}
	synctest.Test(t, func(t *testing.T) {
		silent, end := io.Pipe()
		a := &app{in: silent, term: onPipes(io.Discard, io.Discard), getenv: env()}
		if code := a.run(t.Context(), []string{"nonsense"}); code != exitUsage {
			t.Errorf("%d", code)
		}
		must(t, end.Close())
	})
}

// Every flag that the table of mcp-remote names as ours exists.
func TestMCPRemoteTableNamesRealFlags(t *testing.T) {
	root := newRoot(&app{getenv: env()})
	root.InitDefaultHelpFlag()
	for _, row := range mcpremote.Flags {
		for _, word := range strings.Fields(row.Ours) {
			name := strings.TrimRight(word, ",'")
			if strings.HasPrefix(name, "--") && root.Flags().Lookup(name[2:]) == nil {
				t.Errorf("%s: there is no %s", row.Theirs, name)
			}
		}
	}
}

// help mcp-remote fits 80 columns and has every row of the tables.
func TestMCPRemoteHelpHasEveryRow(t *testing.T) {
	text := newMCPRemoteTopic().Long
	words := strings.Join(strings.Fields(text), " ")
	for _, rows := range [][]mcpremote.Row{mcpremote.Arguments, mcpremote.Flags, mcpremote.Variables} {
		for _, row := range rows {
			for _, part := range []string{row.Theirs, row.Ours, row.Note} {
				if !strings.Contains(words, part) {
					t.Errorf("%s is missing: %s", row.Theirs, part)
				}
			}
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
