package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "mcp-login/"

// rooms are the packages of the design and what each may import of the project.
var rooms = map[string][]string{
	"cmd/mcp-login":            {"internal/cli"},
	"internal/cli":             {"internal/doctor", "internal/bridge", "internal/bridge/signin", "internal/bridge/upstream", "internal/jsonrpc", "internal/oauth", "internal/oauth/grant", "internal/oauth/discovery", "internal/oauth/loopback", "internal/account", "internal/command", "internal/workload", "internal/store", "internal/hosts", "internal/header", "internal/commandline", "internal/mcpremote", "internal/neterror", "internal/terminal", "docs"},
	"cmd/whoami-server":        {"bearer", "internal/server", "internal/server/bus", "internal/server/gateway", "internal/server/profile", "internal/devidp", "internal/commandline"},
	"internal/bridge":          {"internal/jsonrpc"},
	"internal/bridge/signin":   {"internal/jsonrpc"},
	"internal/bridge/lazy":     {"internal/jsonrpc"},
	"internal/bridge/upstream": {"internal/jsonrpc", "internal/sse", "internal/neterror"},
	"internal/bridge/protover": {"internal/jsonrpc"},
	"internal/jsonrpc":         {},
	"internal/sse":             {},
	"internal/oauth":           {"internal/oauth/discovery", "internal/oauth/grant", "internal/dpop"},
	"internal/oauth/grant":     {"internal/oauth/discovery", "internal/dpop"},
	"internal/dpop":            {"internal/origin"},
	"internal/oauth/discovery": {"internal/neterror", "internal/dpop"},
	"internal/oauth/loopback":  {"internal/page"},
	"internal/doctor":          {"internal/account", "internal/bridge/upstream", "internal/command", "internal/oauth", "internal/oauth/grant", "internal/oauth/discovery", "internal/oauth/loopback", "internal/neterror", "internal/hosts", "internal/store", "internal/terminal"},
	"internal/account":         {"internal/bridge", "internal/bridge/lazy", "internal/bridge/signin", "internal/bridge/upstream", "internal/bridge/protover", "internal/jsonrpc", "internal/oauth", "internal/oauth/grant", "internal/oauth/discovery", "internal/oauth/loopback", "internal/command", "internal/store", "internal/neterror", "internal/terminal"},
	"internal/workload":        {"internal/command", "internal/oauth/grant"},
	"internal/command":         {"internal/oauth", "internal/oauth/grant", "internal/oauth/discovery"},
	"internal/store":           {"internal/oauth", "internal/oauth/grant"},
	"internal/server":          {"bearer", "internal/page", "internal/server/gateway", "internal/server/profile"},
	"internal/server/gateway":  {"bearer"},
	"internal/server/profile":  {"bearer"},
	"internal/server/bus":      {"internal/server"},
	"internal/devidp":          {"internal/page", "internal/dpop"},
	"internal/hosts":           {},
	"internal/page":            {},
	"internal/neterror":        {},
	"internal/header":          {},
	"internal/commandline":     {},
	"internal/mcpremote":       {"internal/header", "internal/oauth", "internal/oauth/grant", "internal/oauth/discovery", "internal/oauth/loopback", "internal/store"},
	"internal/foreign":         {},
	"internal/hint":            {},
	"internal/retry":           {},
	"internal/build":           {"internal/hint"},
	"internal/terminal":        {},
	"internal/origin":          {},
	"internal/site":            {},
	"docs":                     {},
	"bearer":                   {"internal/foreign", "internal/origin", "internal/retry", "internal/dpop"},
	"examples/whoami":          {"bearer", "internal/server", "internal/devidp", "internal/terminal", "internal/hint"},
	"examples/bearer/mcpgo":    {"bearer"},
	"examples/bearer/gosdk":    {"bearer"},
	"examples/bearer/nethttp":  {"bearer"},
}

// leaves are rooms that import nothing of the project and that all rooms below
// internal and the commands may import.
var leaves = []string{"internal/foreign", "internal/hint", "internal/origin", "internal/site", "internal/retry", "internal/build"}

// onlyIn names packages of others that one room alone may import.
var onlyIn = map[string]string{
	"github.com/zalando/go-keyring": "internal/store",
	"github.com/pkg/browser":        "internal/account",
	"github.com/redis/go-redis":     "internal/server/bus",
}

// neverLinked names what a program must not contain.
var neverLinked = map[string][]string{
	"cmd/whoami-server": {"github.com/zalando/go-keyring", "github.com/pkg/browser", module + "internal/oauth", module + "internal/bridge"},
	"cmd/mcp-login": {
		"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/spiffe",
		"github.com/mark3labs/mcp-go/client", "github.com/mark3labs/mcp-go/server", "github.com/redis/go-redis", "github.com/prometheus", "go.opentelemetry.io", module + "internal/server", module + "internal/devidp", "net/http/httptest", "testing",
	},
}

// systems are those that a rule is checked for: a file for one system only can
// break it as well.
var systems = []string{"linux", "darwin", "windows"}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

// list asks the go command for packages as they are on one system.
func list(t *testing.T, system string, args ...string) map[string]pkg {
	t.Helper()
	sources(t)
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,GoFiles"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

// Every room stands, explains itself in a doc.go, and imports only what the
// design allows.
func TestRoomsImportOnlyWhatTheDesignAllows(t *testing.T) {
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			all := list(t, system, "./...")
			for room := range rooms {
				if _, ok := all[room]; !ok {
					t.Errorf("the room %s is missing", room)
				}
			}
			for name, p := range all {
				for _, wrong := range wrongIn(name, p) {
					t.Error(wrong)
				}
			}
		})
	}
}

// wrongIn lists what is wrong in one package; those below test and packaging are no rooms
// and may import what they like, but not do without a name and a doc.go.
func wrongIn(name string, p pkg) (wrong []string) {
	if !slices.Contains(p.GoFiles, "doc.go") {
		wrong = append(wrong, name+" has no doc.go")
	}
	if slices.Contains([]string{"util", "utils", "common", "types", "config", "helpers"}, filepath.Base(name)) {
		wrong = append(wrong, name+": a package is named after what it does")
	}
	if within(name, "test") || within(name, "packaging") {
		return wrong
	}
	allowed, ok := rooms[name]
	if !ok {
		wrong = append(wrong, name+" is not a room of the design; add it there first")
	}
	if !slices.Contains(leaves, name) && (within(name, "internal") || within(name, "cmd")) {
		allowed = slices.Concat(allowed, leaves)
	}
	for _, path := range p.Imports {
		if own, ok := strings.CutPrefix(path, module); ok && !slices.Contains(allowed, own) {
			wrong = append(wrong, name+" imports "+own+", which the design does not allow")
		}
		for pattern, owner := range onlyIn {
			if within(path, pattern) && owner != name {
				wrong = append(wrong, name+" imports "+path+"; only "+owner+" may")
			}
		}
	}
	return wrong
}

// The rule refuses an arrow back up wherever one is planted: from each room to each
// other that may reach it. So there is no circle in the table either.
func TestRoomsRefuseArrowsBackUp(t *testing.T) {
	for room := range rooms {
		above := map[string]bool{}
		for next := []string{room}; len(next) > 0; next = next[1:] {
			for other, allowed := range rooms {
				free := slices.Contains(leaves, next[0]) && !slices.Contains(leaves, other) && (within(other, "internal") || within(other, "cmd"))
				if (free || slices.Contains(allowed, next[0])) && !above[other] {
					above[other], next = true, append(next, other)
				}
			}
		}
		if len(above) == 0 && !within(room, "cmd") && !within(room, "examples") {
			t.Errorf("nothing may import %s", room)
		}
		for other := range above {
			planted := pkg{GoFiles: []string{"doc.go"}, Imports: []string{"fmt", module + other}}
			if wrong := wrongIn(room, planted); len(wrong) != 1 || !strings.Contains(wrong[0], other) {
				t.Errorf("an arrow from %s up to %s is not refused: %q", room, other, wrong)
			}
		}
	}
}

// Every fuzz target is in a package that .ci/fuzz asks for its targets.
func TestFuzzTargetsAreRun(t *testing.T) {
	const asked = "git grep -l '^func Fuzz' -- 'bearer/*_test.go' 'internal/*_test.go'"
	if !strings.Contains(string(readFile(t, "../.ci/fuzz")), asked) {
		t.Fatal(".ci/fuzz asks other packages for fuzz targets than this test believes")
	}
	found := 0
	for _, path := range sources(t) {
		if !strings.HasSuffix(path, "_test.go") || !strings.Contains("\n"+string(readFile(t, path)), "\nfunc Fuzz") {
			continue
		}
		found++
		if p := filepath.ToSlash(path); !within(p, "../internal") && !within(p, "../bearer") {
			t.Errorf("%s: .ci/fuzz does not fuzz it", path)
		}
	}
	if found < 10 {
		t.Errorf("only %d files with fuzz targets", found)
	}
}

// Every benchmark beside the code is compared by the workflow, and in the command of the page.
func TestBenchmarksAreCompared(t *testing.T) {
	lists := map[string]string{"bench.yml": string(readFile(t, "../.github/workflows/bench.yml")), "performance.md": string(readFile(t, "../docs/evidence/performance.md"))}
	for _, file := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		if !within(folder, "../internal") && !within(folder, "../bearer") || !strings.HasSuffix(file, "_test.go") || !strings.Contains("\n"+string(readFile(t, file)), "\nfunc Benchmark") {
			continue
		}
		for name, text := range lists {
			if given := "." + strings.TrimPrefix(folder, ".."); !strings.Contains(text, " "+given) && !strings.Contains(text, " ./"+path.Dir(given)+"/...") {
				t.Errorf("%s: benchmarks of %s are not there", name, given)
			}
		}
	}
}

// Every package that .ci/run installs is one whose absence it sees.
func TestPartsThatAreMissingAreSeen(t *testing.T) {
	text := string(readFile(t, "../.ci/run"))
	_, looked, _ := strings.Cut(text, "  for p in ")
	looked, _, _ = strings.Cut(looked, ";")
	_, installed, _ := strings.Cut(text, "--no-install-recommends ")
	installed, _, _ = strings.Cut(installed, " >")
	for _, name := range strings.Fields(installed) {
		if !slices.ContainsFunc(strings.Fields(looked), func(p string) bool { return strings.HasPrefix(p, name) || strings.HasPrefix(name, p) }) {
			t.Errorf("%s: nothing of it is looked for", name)
		}
	}
	if len(strings.Fields(installed)) < 5 {
		t.Error("no packages are found")
	}
}

// within reports whether a path is another one or below it.
func within(path, of string) bool {
	return path == of || strings.HasPrefix(path, of+"/")
}

// What a program must not contain is not in it by way of others either.
func TestProgramsLinkNothingForbidden(t *testing.T) {
	for _, system := range systems {
		all := list(t, system, "./cmd/...")
		for program, forbidden := range neverLinked {
			if len(all[program].Deps) == 0 {
				t.Errorf("%s: nothing is known of what %s links", system, program)
			}
			for _, dep := range all[program].Deps {
				if slices.ContainsFunc(forbidden, func(f string) bool { return within(dep, f) }) {
					t.Errorf("%s: %s links %s", system, program, dep)
				}
			}
		}
	}
}

// maxLines is where a file is asked to become two; tests may be longer.
const maxLines = 400

func TestNoFileIsLongerThan400Lines(t *testing.T) {
	files := sources(t)
	if len(files) < len(rooms) {
		t.Fatalf("only %d files found", len(files))
	}
	for _, path := range files {
		if n := countLines(t, path); n > maxLines && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines", path, n)
		}
	}
}

// sources returns the Go files of the project, those for other systems
// included. It also opens every folder: the go command remembers a test's result
// until something the test opened has changed, and does not see what a go
// command started by the test has read.
func sources(t *testing.T) (files []string) {
	t.Helper()
	for _, top := range []string{"bearer", "cmd", "examples", "internal", "packaging", "test", "go.mod"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata"):
				return filepath.SkipDir
			case filepath.Ext(path) == ".go":
				files = append(files, path)
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func countLines(t *testing.T, path string) (n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		n++
	}
	return n
}
