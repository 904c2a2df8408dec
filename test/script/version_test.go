package script

import (
	"bytes"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"mcp-login/internal/build"
	"mcp-login/test/binary"
)

// version says on stderr when a Go with a known vulnerability built the program,
// and on stdout what it always says.
func TestVersionNamesAnOldGo(t *testing.T) {
	cmd := exec.Command(binary.Build(t, "mcp-login"), "version")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), runtime.Version()) {
		t.Errorf("stdout: %s", &out)
	}
	if want := build.Outdated(); !strings.Contains(said.String(), want) || want == "" && said.Len() > 0 {
		t.Errorf("stderr: %s", &said)
	}
}
