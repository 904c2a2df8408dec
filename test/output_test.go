package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wiring are the files that may name the process's own output: where each program
// takes hold of it. All else that reaches a person goes through what they make of
// it.
var wiring = []string{"internal/terminal/terminal.go", "cmd/whoami-server/main.go"}

// printers are the names that lead to the process's output.
var printers = []string{
	"os.Stdout", "os.Stderr", "syscall.Stdout", "syscall.Stderr", "fmt.Print", "fmt.Printf", "fmt.Println",
	"log.Print", "log.Printf", "log.Println", "log.Fatal", "log.Fatalf", "log.Fatalln",
	"slog.Default", "slog.Debug", "slog.Info", "slog.Warn", "slog.Error",
}

// Nothing is printed past internal/terminal: neither os.Stdout nor os.Stderr, nor
// what writes there unasked, is named anywhere else.
func TestOneWayToAPerson(t *testing.T) {
	for _, path := range sources(t) {
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		if strings.HasSuffix(name, "_test.go") || !within(name, "cmd") && !within(name, "internal") || slices.Contains(wiring, name) {
			continue
		}
		for _, found := range printing(t, readFile(t, path)) {
			t.Errorf("%s: %s", name, found)
		}
	}
	for _, name := range wiring { // the rule finds what it looks for
		if len(printing(t, readFile(t, filepath.Join("..", name)))) == 0 {
			t.Errorf("nothing found in %s", name)
		}
	}
	other := "package p\nimport (\n\"fmt\"\n\"log\"\n\"os\"\n)\nfunc f() { fmt.Println(1); println(2); log.Print(3); _ = os.Stderr }\n"
	if found := printing(t, []byte(other)); len(found) != 4 {
		t.Errorf("found only %q", found)
	}
}

// A time in the log has its unit in the name, as duration_ms: slog.Duration writes bare
// nanoseconds into JSON.
func TestLoggedTimesHaveAUnit(t *testing.T) {
	bare := "slog.Duration" + "("
	for _, path := range sources(t) {
		if strings.Contains(string(readFile(t, path)), bare) {
			t.Errorf("%s: slog.Int64(\"…_ms\", d.Milliseconds()) has a unit", path)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// printing lists where a source names the process's output.
func printing(t *testing.T, source []byte) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "source.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && slices.Contains(printers, of.Name+"."+n.Sel.Name) {
				found = append(found, of.Name+"."+n.Sel.Name)
			}
		case *ast.CallExpr:
			if of, ok := n.Fun.(*ast.Ident); ok && (of.Name == "print" || of.Name == "println") {
				found = append(found, of.Name)
			}
		}
		return true
	})
	return found
}
