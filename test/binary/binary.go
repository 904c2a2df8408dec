package binary

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"mcp-login/test/real"
)

var (
	mu    sync.Mutex
	dir   string
	built = map[string]string{}
)

// builtEnv names the folder of what the process that started this one has built.
const builtEnv = "MCP_LOGIN_TEST_BINARIES"

// Build returns the path of the program cmd/name, or of the one in the folder name if
// that has a slash, building it at the first call. TestMain is Main.
func Build(t testing.TB, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if path := built[name]; path != "" {
		return path
	}
	if inherited := os.Getenv(builtEnv); inherited != "" {
		return filepath.Join(inherited, name)
	}
	lookAtSources(t)
	if os.Getuid() != 0 {
		// Tests look into /proc of what they start, as only root may otherwise.
		_ = os.Setenv("MCP_LOGIN_DUMPABLE", "1")
	}
	pkg := module + name
	if !strings.Contains(name, "/") {
		pkg = module + "cmd/" + name
	}
	path := filepath.Join(folder(t), filepath.Base(name))
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	kept, unlock := keep(t, filepath.Base(path))
	defer unlock()
	if kept == "" {
		kept = path
	}
	compile(t, "", kept, pkg)
	built[name] = own(kept, path)
	return built[name]
}

// module is what the module is called; packaging/set-module-path writes it.
const module = "mcp-login/"

// Copy copies a program to where somebody else may run it.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Start starts a program and returns its standard input and output.
func Start(t testing.TB, cmd *exec.Cmd) (in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// folder returns the folder of what this process builds. The caller holds mu.
func folder(t testing.TB) string {
	t.Helper()
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "mcp-login-binaries-"); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// keep returns where in the user's cache the program name stays for the next test
// process, and locks that place until unlock. A dozen test processes need the same two
// programs, and the go command sees that one is up to date. Without such a place it
// returns "".
func keep(t testing.TB, name string) (path string, unlock func()) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", func() {}
	}
	sources := sha256.Sum256([]byte(real.Sources()))
	place := filepath.Join(cache, "mcp-login-test", fmt.Sprintf("%x", sources[:8]))
	lock := flock.New(filepath.Join(place, "lock"))
	if os.MkdirAll(place, 0o700) != nil || lock.Lock() != nil {
		return "", func() {}
	}
	return filepath.Join(place, name), func() { _ = lock.Unlock() }
}

// own gives a program a second name, which stays when the first gets another program.
func own(kept, path string) string {
	if kept == path || os.Link(kept, path) != nil {
		return kept
	}
	return path
}

// compile builds a package, in a folder of sources or in this one, without cgo.
func compile(t testing.TB, sources, path, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Dir, cmd.Env = sources, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
}

// Inherited builds programs and returns the variable for a test process that this one
// starts, with which Build finds them there.
func Inherited(t testing.TB, names ...string) string {
	t.Helper()
	var folder string
	for _, name := range names {
		folder = filepath.Dir(Build(t, name))
	}
	return builtEnv + "=" + folder
}

// lookAtSources touches every source file, because the go command remembers a
// test's result until a file that the test looked at has changed. Without it, a
// program could be broken and its tests still pass from the cache.
func lookAtSources(t testing.TB) {
	for _, part := range []string{"cmd", "internal", "examples", "packaging", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(real.Sources(), part), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// clean removes what was built for this process.
func clean() {
	mu.Lock()
	defer mu.Unlock()
	if dir != "" {
		_ = os.RemoveAll(dir)
		dir, built = "", map[string]string{}
	}
}
