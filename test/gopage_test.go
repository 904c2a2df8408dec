package test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/protect-your-own-server.md shows of Go stands, whole and in this order, in a file
// that is compiled: a program of examples/bearer or an example of package bearer.
func TestGoOfThePageIsCompiled(t *testing.T) {
	var compiled []string
	for _, pattern := range []string{"../examples/bearer/*/main.go", "../bearer/example_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			compiled = append(compiled, flat(string(readFile(t, file))))
		}
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readFile(t, "../docs/protect-your-own-server.md")), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		found := false
		for _, file := range compiled {
			found = found || strings.Contains(file, flat(block[1]))
		}
		if !found {
			t.Errorf("compiled nowhere:\n%s", block[1])
		}
	}
}

// The page says that ten lines protect a server: those of its program that have to do with
// package bearer, the check of the error included.
func TestTenLinesProtectAServer(t *testing.T) {
	n, within := 0, false
	for line := range strings.Lines(string(readFile(t, "../examples/bearer/mcpgo/main.go"))) {
		within = within || strings.Contains(line, "bearer.New(")
		if within || strings.Contains(line, "protected.") || strings.Contains(line, "bearer.") {
			n++
		}
		within = within && line != "\t}\n" // of the check
	}
	if n < 4 || n > 10 {
		t.Errorf("%d lines", n)
	}
}

// flat is Go source without indentation, and with bearer by no name of a module.
func flat(source string) string {
	source = regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(source, "")
	return regexp.MustCompile(`"[^"]*/bearer"`).ReplaceAllString(source, `"bearer"`)
}
