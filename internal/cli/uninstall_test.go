package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The line that deletes files works in the shells of the system, and names all that a copy of
// the program consists of.
func TestDeletionWorksInTheShellsOfTheSystem(t *testing.T) {
	for system, want := range map[string]string{"linux": "rm a b", "darwin": "rm a b", "windows": "del a, b"} {
		if got := deletionOn(system, []string{"a", "b"}); got != want {
			t.Errorf("%s: %s", system, got)
		}
	}
	folder := t.TempDir()
	program := filepath.Join(folder, "bin", "mcp-login.exe")
	want := []string{program, filepath.Join(folder, "share", "mcp-login", "channel"), program + ".old"}
	for _, file := range want {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := copyFiles(program); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
