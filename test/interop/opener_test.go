package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"mcp-login/test/binary"
)

// openerEnv makes an xdg-open that is this test binary in the role of the
// browser, and returns the variables that make other programs find it.
func openerEnv(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' approve alice \"$1\"\n", binary.Self(t))
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"), "BROWSER=" + filepath.Join(dir, "xdg-open")}
}
