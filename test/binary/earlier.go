package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"mcp-login/test/real"
)

// Earlier returns the path of the program cmd/name as it was at a commit, built once
// for each compiler. Without that commit in the clone the test is skipped with a
// reason, which .ci/run prints: a clone may be without its history.
func Earlier(t testing.TB, commit, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if path := built[commit+name]; path != "" {
		return path
	}
	if err := exec.Command("git", "-C", real.Sources(), "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		t.Skipf("commit %s, with an earlier version of %s, is not in this clone: git fetch --unshallow", commit, name)
	}
	path := filepath.Join(folder(t), name+"-"+commit+"-"+runtime.Version())
	kept, unlock := keep(t, filepath.Base(path))
	defer unlock()
	if kept == "" {
		kept = path
	}
	if _, err := os.Stat(kept); err != nil {
		source := t.TempDir()
		archive := filepath.Join(source, "archive.tar")
		for _, args := range [][]string{{"git", "-C", real.Sources(), "archive", "-o", archive, commit}, {"tar", "-xf", archive, "-C", source}} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", args, err, out)
			}
		}
		compile(t, source, kept, "./cmd/"+name)
	}
	built[commit+name] = own(kept, path)
	return built[commit+name]
}
