package bearer

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/api.txt anew")

// maxIdentifiers is how much of the package a reader may have to know of.
const maxIdentifiers = 40

// What the package exports, word for word, stands in testdata/api.txt: whoever changes it
// changes what others have built on. -update writes it anew.
func TestTheAPIIsAsItStands(t *testing.T) {
	got, identifiers := exported(t)
	if len(identifiers) > maxIdentifiers {
		t.Errorf("%d exported identifiers, more than %d: %q", len(identifiers), maxIdentifiers, identifiers)
	}
	const golden = "testdata/api.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the API is not as in %s:\n%s", golden, got)
	}
	if strings.Contains(got, "mcp-login/") || strings.Contains(got, "internal.") {
		t.Error("a type of another package of the project is in it")
	}
}

// exported returns the declarations of what is exported, and its names at the level of the
// package and of methods.
func exported(t *testing.T) (text string, names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	set := token.NewFileSet()
	add := func(name string, node any) {
		var b bytes.Buffer
		if err := (&printer.Config{Mode: printer.UseSpaces, Tabwidth: 4}).Fprint(&b, set, node); err != nil {
			t.Fatal(err)
		}
		names, all = append(names, name), append(all, b.String())
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(parsed)
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && !ast.IsExported(receiver(d)) {
					continue
				}
				d.Body, d.Doc = nil, nil
				add(d.Name.Name, d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						add(s.Name.Name, &ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{s}})
					case *ast.ValueSpec:
						for _, name := range s.Names {
							names, all = append(names, name.Name), append(all, fmt.Sprintf("%s %s", d.Tok, name.Name))
						}
					}
				}
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n") + "\n", names
}

// Whoever imports the package gets neither the rest of the project nor what operators and
// MCP libraries need.
func TestLittleIsBehindThePackage(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	own, _ := strings.CutSuffix(deps[len(deps)-1], "bearer") // the package itself comes last
	var leaves, others []string
	for _, dep := range deps {
		for _, forbidden := range []string{"prometheus", "redis", "opentelemetry", "grpc", "mcp-go", "go-sdk", "protobuf"} {
			if strings.Contains(dep, forbidden) {
				t.Errorf("%s is behind it", dep)
			}
		}
		if leaf, ok := strings.CutPrefix(dep, own); ok && leaf != "bearer" {
			leaves = append(leaves, leaf)
		}
		if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
			others = append(others, dep)
		}
	}
	if slices.Sort(leaves); !slices.Equal(leaves, []string{"internal/dpop", "internal/foreign", "internal/origin", "internal/retry"}) {
		t.Errorf("of the project there are %q behind it", leaves)
	}
	t.Logf("%d packages, of others %d: %q", len(deps), len(others), others)
	if len(deps) < 50 || !slices.Contains(deps, "github.com/golang-jwt/jwt/v5") {
		t.Errorf("only %d packages found", len(deps))
	}
}

// receiver is the name of the type that a method is of.
func receiver(d *ast.FuncDecl) string {
	of := d.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	return fmt.Sprint(of)
}
