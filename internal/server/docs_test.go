package server

import (
	"os"
	"strings"
	"testing"
)

// The program in docs/protect-your-own-server.md is the example that is compiled
// and run here, and protects a tool in under 40 lines.
func TestPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/protect-your-own-server.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\n")
	shown, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no program on the page")
	}
	for part := range strings.SplitSeq(strings.TrimSpace(shown), "\n\n") {
		if !strings.Contains(string(example), part) {
			t.Errorf("not in the example:\n%s", part)
		}
	}
	n := strings.Count(shown, "\n")
	t.Logf("%d lines", n)
	if n >= 40 {
		t.Errorf("%d lines, want fewer than 40", n)
	}
}
