package cli

import (
	"bytes"
	"io"
	"testing"

	"github.com/spf13/cobra"
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

// refusal runs a command line that makes no sense and returns what is said.
func refusal(t *testing.T, build func(*app) *cobra.Command, line []string) string {
	t.Helper()
	var out, err bytes.Buffer
	a := &app{in: bytes.NewReader(nil), term: onPipes(io.Discard, &err), getenv: func(string) string { return "" }}
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
