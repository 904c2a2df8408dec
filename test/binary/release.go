package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Release builds mcp-login in a folder of its own, as a release of a version is: with the
// address that tells which release is the newest.
func Release(t testing.TB, version, feed string) string {
	t.Helper()
	lookAtSources(t)
	path := filepath.Join(t.TempDir(), "release", "bin", "mcp-login")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-ldflags=-X main.version="+version+" -X "+module+"internal/build.feed="+feed, "-o", path, module+"cmd/mcp-login")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
