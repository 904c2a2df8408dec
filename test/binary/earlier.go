package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Earlier returns the path of the program cmd/name as it was at a commit, built once
// for each test process. Without that commit in the clone the test is skipped with a
// reason, which .ci/run prints: a clone may be without its history.
func Earlier(t testing.TB, commit, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if path := built[commit+name]; path != "" {
		return path
	}
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(here)))
	if err := exec.Command("git", "-C", root, "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		t.Skipf("commit %s, with an earlier version of %s, is not in this clone: git fetch --unshallow", commit, name)
	}
	source := t.TempDir()
	archive := filepath.Join(source, "archive.tar")
	for _, args := range [][]string{{"git", "-C", root, "archive", "-o", archive, commit}, {"tar", "-xf", archive, "-C", source}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "mcp-login-binaries-"); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name+"-"+commit)
	cmd := exec.Command("go", "build", "-o", path, "./cmd/"+name)
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s of %s: %v\n%s", name, commit, err, out)
	}
	built[commit+name] = path
	return path
}
