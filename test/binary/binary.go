package binary

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

var (
	mu    sync.Mutex
	dir   string
	built = map[string]string{}
)

// builtEnv names the folder of what the process that started this one has built.
const builtEnv = "MCP_LOGIN_TEST_BINARIES"

// Build returns the path of the program cmd/name, building it at the first
// call. Call Clean at the end of TestMain.
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
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "mcp-login-binaries-"); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", path, "mcp-login/cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	built[name] = path
	return path
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
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(here)))
	for _, part := range []string{"cmd", "internal", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, _ fs.DirEntry, err error) error {
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

// Clean removes what was built.
func Clean() {
	mu.Lock()
	defer mu.Unlock()
	if dir != "" {
		_ = os.RemoveAll(dir)
		dir, built = "", map[string]string{}
	}
}
