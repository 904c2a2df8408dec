package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Release builds mcp-login in a folder of its own, as a release of a version is: with the
// address that tells which release is the newest.
func Release(t testing.TB, version, feed string) string {
	t.Helper()
	return stamped(t, "main.version="+version, module+"internal/build.feed="+feed)
}

// ReleaseWithDocument builds mcp-login as a release is whose publisher hosts a client ID
// metadata document at this address.
func ReleaseWithDocument(t testing.TB, address string) string {
	t.Helper()
	return stamped(t, module+"internal/build.clientDocument="+address)
}

// stamped builds mcp-login with values for variables.
func stamped(t testing.TB, values ...string) string {
	t.Helper()
	lookAtSources(t)
	path := filepath.Join(t.TempDir(), "release", "bin", "mcp-login")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-ldflags=-X "+strings.Join(values, " -X "), "-o", path, module+"cmd/mcp-login")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
