package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m, nil) }

// What mcp-login may weigh. The aim is 10 MB; the bound is a little
// above what it is, so that one dependency too many is noticed. Two megabytes
// more at once mean that something calls methods by name (text/template does),
// because of which the linker keeps all of them; `go build -ldflags=-dumpdep`
// and a search for ReflectMethod show who.
const (
	maxSize        = 13_500_000 // bytes, linux/amd64, stripped; a longer name of the module makes it 90 kB more
	maxInitBytes   = 128 << 10  // allocated before main, by all packages
	maxInitPackage = 40 << 10   // by one of them
	maxInitOwn     = 4 << 10    // by one of ours: no regular expressions, no schemas
)

// The stripped binary does not become heavier unnoticed; its size is printed.
func TestSize(t *testing.T) {
	lookAtSources(t)
	path := filepath.Join(t.TempDir(), "mcp-login")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "mcp-login/cmd/mcp-login")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stripped binary, linux/amd64: %.2f MB (aim 10)", float64(info.Size())/1e6)
	if info.Size() > maxSize {
		t.Errorf("the binary has %d bytes; more than %d", info.Size(), maxSize)
	}
}

// initLine is what GODEBUG=inittrace=1 says of a package.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, (\d+) allocs`)

// A start does no work before main: what packages allocate while they are
// initialised is bounded, and printed with the time that it takes.
func TestInit(t *testing.T) {
	cmd := exec.Command(Build(t, "mcp-login"), "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("version: %v\n%s", err, &said)
	}
	type cost struct {
		name  string
		ms    float64
		bytes int
	}
	var all []cost
	var sum cost
	for _, m := range initLine.FindAllStringSubmatch(said.String(), -1) {
		c := cost{name: m[1]}
		c.ms, _ = strconv.ParseFloat(m[2], 64)
		c.bytes, _ = strconv.Atoi(m[3])
		all = append(all, c)
		sum.ms, sum.bytes = sum.ms+c.ms, sum.bytes+c.bytes
		limit := maxInitPackage
		if c.name == "main" || strings.HasPrefix(c.name, module) {
			limit = maxInitOwn
		}
		if c.bytes > limit {
			t.Errorf("%s allocates %d bytes before main; at most %d are allowed", c.name, c.bytes, limit)
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages were traced:\n%.500s", len(all), said.String())
	}
	if sum.bytes > maxInitBytes {
		t.Errorf("the packages allocate %d bytes before main; at most %d are allowed", sum.bytes, maxInitBytes)
	}
	t.Logf("package initialisation: %d packages, %.2f ms, %d bytes; the largest:", len(all), sum.ms, sum.bytes)
	slices.SortFunc(all, func(a, b cost) int { return b.bytes - a.bytes })
	for _, c := range all[:8] {
		t.Logf("  %6d bytes %.3f ms %s", c.bytes, c.ms, c.name)
	}
}
