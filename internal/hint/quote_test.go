package hint

import "testing"

func TestQuoteFitsTheShells(t *testing.T) {
	for _, c := range []struct{ word, here, windows string }{
		{"https://example.com/mcp?a=b", "'https://example.com/mcp?a=b'", `"https://example.com/mcp?a=b"`},
		{"https://example.com/mcp", "https://example.com/mcp", "https://example.com/mcp"},
		{"http://[::1]:8080/mcp", "'http://[::1]:8080/mcp'", `"http://[::1]:8080/mcp"`}, // a pattern, in zsh
		{"my work", "'my work'", `"my work"`},
		{"it's", `'it'\''s'`, `"it's"`},
		{"$HOME", "'$HOME'", "'$HOME'"},
		{"say \"x\" `id`", "'say \"x\" `id`'", "'say \"x\" `id`'"},
		{"it's $1", `'it'\''s $1'`, "'it''s $1'"},
		{"a&b|c;(d)<e>^f", "'a&b|c;(d)<e>^f'", `"a&b|c;(d)<e>^f"`},
		{"~", "'~'", `"~"`},
		{"=ls", "'=ls'", `"=ls"`},
		{"", "''", `""`},
		{"100%", "100%", `"100%"`},
		{"@file", "@file", `"@file"`}, // splatting, in PowerShell
	} {
		if got := quote(c.word, false); got != c.here {
			t.Errorf("%q is %s, want %s", c.word, got, c.here)
		}
		if got := quote(c.word, true); got != c.windows {
			t.Errorf("%q is %s on Windows, want %s", c.word, got, c.windows)
		}
	}
}
