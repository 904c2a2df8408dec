package cli

import (
	"strings"
	"testing"

	"mcp-login/internal/mcpremote"
)

// A value of mcp-remote's that cannot be used is a usage error.
func TestMCPRemoteValueIsUsage(t *testing.T) {
	var out strings.Builder
	a := &app{in: strings.NewReader(""), term: onPipes(&out, &out), getenv: env()}
	if code := a.run(t.Context(), []string{"https://example.com/mcp", "--protocol", "modern"}); code != exitUsage || !strings.Contains(out.String(), "--protocol") {
		t.Errorf("%d %s", code, out.String())
	}
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
	for _, rows := range [][]mcpremote.Flag{mcpremote.Arguments, mcpremote.Flags, mcpremote.Variables} {
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
