package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// foreignBody is a body of an answer that is read without internal/foreign, which
// bounds the bytes and the time.
var foreignBody = regexp.MustCompile(`(io\.(ReadAll|Copy|CopyN|CopyBuffer)|NewDecoder|NewReader|NewScanner|ReadFrom)\(.*\b[rR]esp\w*\.Body\b`)

// Whoever reads an answer of a stranger says how much and how long. Excepted are
// package foreign itself, the events and answers of MCP, which may last, and the
// provider for development, which asks itself.
func TestForeignBodiesAreBounded(t *testing.T) {
	allowed := map[string]bool{
		"../internal/bridge/upstream/response.go": true, "../internal/bridge/upstream/httpssestream.go": true,
		"../internal/bridge/upstream/serverstream.go": true, "../internal/bridge/upstream/body.go": true,
	}
	found := 0
	for _, path := range sources(t) {
		slashed := filepath.ToSlash(path)
		if strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(slashed, "../bearer/") && !strings.HasPrefix(slashed, "../cmd/") && !strings.HasPrefix(slashed, "../internal/") ||
			strings.HasPrefix(slashed, "../internal/devidp/") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			switch {
			case !foreignBody.MatchString(line):
			case strings.HasPrefix(slashed, "../internal/foreign/"):
				found++
			case !allowed[slashed]:
				t.Errorf("%s reads a body without package foreign: %s", slashed, strings.TrimSpace(line))
			}
		}
	}
	if found < 2 {
		t.Error("the rule finds nothing any more")
	}
}
