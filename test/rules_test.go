package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "mcp-login/"

// rooms are the packages of the design and what each may import of the project.
var rooms = map[string][]string{
	"cmd/mcp-login":            {"internal/bridge", "internal/bridge/upstream", "internal/bridge/era", "internal/jsonrpc", "internal/sse", "internal/oauth", "internal/oauth/loopback", "internal/store", "internal/clients"},
	"cmd/whoami-server":        {"internal/server", "internal/devidp"},
	"internal/bridge":          {"internal/jsonrpc", "internal/bridge/upstream", "internal/bridge/era"},
	"internal/bridge/upstream": {"internal/jsonrpc", "internal/sse"},
	"internal/bridge/era":      {"internal/jsonrpc"},
	"internal/jsonrpc":         {},
	"internal/sse":             {},
	"internal/oauth":           {},
	"internal/oauth/loopback":  {},
	"internal/store":           {"internal/oauth"},
	"internal/server":          {},
	"internal/devidp":          {},
	"internal/clients":         {},
	"examples/whoami":          {"internal/server", "internal/devidp"},
}

// onlyIn names packages of others that one room alone may import.
var onlyIn = map[string]string{
	"github.com/zalando/go-keyring": "internal/store",
	"github.com/pkg/browser":        "cmd/mcp-login",
}

// neverLinked names what a program must not contain.
var neverLinked = map[string][]string{
	"cmd/whoami-server": {"github.com/zalando/go-keyring", "github.com/pkg/browser", module + "internal/oauth", module + "internal/bridge"},
	"cmd/mcp-login": {
		"github.com/mark3labs/mcp-go/client", "github.com/mark3labs/mcp-go/server", module + "internal/server", module + "internal/devidp", "net/http/httptest", "testing",
	},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
	Dir        string
}

func list(t *testing.T, args ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,GoFiles,Dir"}, args...)...)
	cmd.Dir = ".."
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
func TestRooms(t *testing.T) {
	all := list(t, "./cmd/...", "./internal/...", "./examples/...")
	for room, allowed := range rooms {
		p, ok := all[room]
		if !ok {
			t.Errorf("the room %s is missing", room)
			continue
		}
		if !slices.Contains(p.GoFiles, "doc.go") {
			t.Errorf("%s has no doc.go", room)
		}
		for _, path := range p.Imports {
			if own, ok := strings.CutPrefix(path, module); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, which the design does not allow", room, own)
			}
			if owner := onlyIn[path]; owner != "" && owner != room {
				t.Errorf("%s imports %s; only %s may", room, path, owner)
			}
		}
	}
	for name := range all {
		if _, ok := rooms[name]; !ok {
			t.Errorf("%s is not a room of the design; add it there first", name)
		}
		if slices.Contains([]string{"util", "utils", "common", "types", "config", "helpers"}, filepath.Base(name)) {
			t.Errorf("%s: a package is named after what it does", name)
		}
	}
}

func TestPrograms(t *testing.T) {
	all := list(t, "./cmd/...")
	for program, forbidden := range neverLinked {
		for _, dep := range all[program].Deps {
			if slices.Contains(forbidden, dep) {
				t.Errorf("%s links %s", program, dep)
			}
		}
	}
}

// maxLines is where a file is asked to become two.
const maxLines = 400

func TestFileSizes(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, file := range p.GoFiles {
			if n := countLines(t, filepath.Join(p.Dir, file)); n > maxLines {
				t.Errorf("%s/%s has %d lines", p.ImportPath, file, n)
			}
		}
	}
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
