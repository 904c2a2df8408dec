package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mcp-login/internal/hint"
)

const useAnotherDirectory = "choose another directory with MCP_LOGIN_DIR"

// ensureDirectory makes the store's directory with mode 0700, or checks it.
func ensureDirectory(dir string) error {
	err := checkDirectory(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return &hint.Error{Op: "make the store's directory", Err: err, Hint: useAnotherDirectory}
	}
	// The umask can only take bits away; a parallel start may be first.
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return &hint.Error{Op: "make the store's directory", Err: err, Hint: useAnotherDirectory}
	}
	return checkDirectory(dir)
}

// checkDirectory returns fs.ErrNotExist when there is none, and ErrUnsafe when
// other users could get in or when somebody else has put it there.
func checkDirectory(dir string) error {
	link, err := os.Lstat(dir)
	if err != nil {
		return &hint.Error{Op: "look at the store's directory", Err: err, Hint: useAnotherDirectory}
	}
	if link.Mode()&fs.ModeSymlink != 0 && !ownedByUs(link) && !ownedByRoot(link) {
		return unsafeFile(dir, "it is a symbolic link of another user", useAnotherDirectory)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return &hint.Error{Op: "look at the store's directory", Err: err, Hint: useAnotherDirectory}
	}
	switch {
	case !info.IsDir():
		return unsafeFile(dir, "it is not a directory", useAnotherDirectory)
	case !ownedByUs(info):
		return unsafeFile(dir, "it belongs to another user", useAnotherDirectory)
	case openToOthers(info.Mode()):
		return tighten(dir, info.Mode())
	}
	return nil
}

// tighten repairs the mode of a directory that holds nothing but our own
// files. Any other might be shared on purpose (MCP_LOGIN_DIR=/tmp), and one
// that others can write to may hold what they have planted.
func tighten(dir string, mode fs.FileMode) error {
	refused := unsafeFile(dir, fmt.Sprintf("its mode %04o lets other users in", mode.Perm()), "chmod 700 "+hint.Quote(dir)+", or choose another directory with MCP_LOGIN_DIR")
	if mode.Perm()&0o022 != 0 {
		return refused
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return &hint.Error{Op: "look into the store's directory", Err: err, Hint: useAnotherDirectory}
	}
	for _, e := range entries {
		if !isStoreFile(e.Name()) {
			return refused
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return &hint.Error{Op: "make the store's directory private", Err: err, Hint: useAnotherDirectory}
	}
	return nil
}
