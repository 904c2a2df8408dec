package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever packages the programs sets their version in one way for both. The linker says
// nothing of a name that it does not find.
func TestVersionIsSetAtLinkTime(t *testing.T) {
	lookAtSources(t)
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-ldflags=-s -w -X main.version=v9.8.7", "-o", dir+string(filepath.Separator), "mcp-login/cmd/mcp-login", "mcp-login/cmd/whoami-server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for program, argument := range map[string]string{"mcp-login": "version", "whoami-server": "-version"} {
		out, err := exec.Command(filepath.Join(dir, program), argument).Output()
		if err != nil || !strings.HasPrefix(string(out), program+" v9.8.7") {
			t.Errorf("%s: %v\n%s", program, err, out)
		}
	}
}
