package hint

import (
	"errors"
	"fmt"
	"testing"
)

// Lines to copy begin with what starts the program; what is only said of it stays. A hint that
// is handed on is spelled once.
func TestLinesBeginWithWhatStartsTheProgram(t *testing.T) {
	defer spelling.Store(nil)
	const line = "run: mcp-login login https://example.com/mcp"
	if got := Spell(line); got != line {
		t.Errorf("without a need: %s", got)
	}
	StartedBy("mcp-login", "npx -y mcp-login@1.2.3", []string{"login", "doctor"})
	for text, want := range map[string]string{
		line: "run: npx -y mcp-login@1.2.3 login https://example.com/mcp",
		"mcp-login doctor --fix, or mcp-login login": "npx -y mcp-login@1.2.3 doctor --fix, or npx -y mcp-login@1.2.3 login",
		"mcp-login --profile x https://example.com":  "npx -y mcp-login@1.2.3 --profile x https://example.com",
		"mcp-login https://example.com":              "npx -y mcp-login@1.2.3 https://example.com",
		"another process of mcp-login is stopped":    "another process of mcp-login is stopped",
		"mcp-login doctors nothing":                  "mcp-login doctors nothing",
		"/usr/bin/mcp-login login":                   "/usr/bin/mcp-login login",
	} {
		if got := Spell(text); got != want || Spell(got) != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := Of(fmt.Errorf("x: %w", With(errors.New("y"), line))); got != Spell(line) {
		t.Errorf("a hint: %s", got)
	}
}
