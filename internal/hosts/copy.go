package hosts

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
)

// CopyPath is where a person's own copy of the program lies, "" without a home folder: the
// folder for programs of one user, which nothing empties and where install.sh puts it as well.
func CopyPath(s System) string {
	if s.OS == "windows" {
		return s.expand("{local}/Programs/mcp-login/bin/mcp-login.exe")
	}
	return s.expand("{home}/.local/bin/mcp-login")
}

// CopyTo puts a copy of the program at a path, in one step, so that who starts it meanwhile
// gets the old one or the new one. changed is false where it lies there already. An official
// copy knows by a file how it came there; what install.sh has put there stays its own.
func (p Program) CopyTo(path string) (changed bool, err error) {
	program, err := os.ReadFile(p.Path)
	if err != nil {
		return false, fmt.Errorf("read this program: %w", err)
	}
	if there, err := os.Lstat(path); err == nil && !there.Mode().IsRegular() {
		return false, hint.With(fmt.Errorf("%s is no ordinary file, and is left as it is", path), "remove it, and run this again")
	}
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, program) {
		if err := replaceFile(path, program, 0o755); err != nil {
			return false, err
		}
		changed = true
	}
	if file := build.ChannelFile("mcp-login", path); build.Official() && !SameFile(file, file) {
		err = replaceFile(file, []byte(build.Copy+"\n"), 0o644)
	}
	return changed, err
}

// Replaced is where a program at a path is moved when another takes its place on Windows.
func Replaced(path string) string { return path + ".old" }

// replaceFile makes a file, with its folder, or replaces it. A program that runs on Windows
// can be moved, but neither replaced nor deleted.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755) //nolint:gosec // as other programs of the person
	if err == nil && runtime.GOOS == "windows" {
		_ = os.Remove(Replaced(path))
		_ = os.Rename(path, Replaced(path))
		defer os.Remove(Replaced(path)) //nolint:errcheck // one that runs stays
	}
	if err == nil {
		err = place(path, data, mode, nil)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
