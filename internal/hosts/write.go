package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
)

// errChanged is a file that somebody else has changed since it was read.
var errChanged = errors.New("the file has changed meanwhile")

// Read returns the content of a host's file, and nothing if there is none.
func Read(path string) ([]byte, error) {
	data, err := foreign.ReadFile(path, MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, foreign.ErrTooLarge), errors.Is(err, foreign.ErrTooSlow), errors.Is(err, foreign.ErrNoFile):
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return data, err
}

// Change is a file and what it is to become.
type Change struct {
	file      string
	old, data []byte
}

// Plan reads a file and returns what edit makes of it. Nothing is written. An error of
// edit comes back as it is.
func Plan(path string, edit func(old []byte) ([]byte, error)) (Change, error) {
	old, err := Read(path)
	if err != nil {
		return Change{}, fmt.Errorf("read the configuration: %w", err)
	}
	data, err := edit(old)
	if err != nil {
		return Change{}, err
	}
	return Change{file: path, old: old, data: data}, nil
}

// Changed reports whether the file is to become another.
func (c Change) Changed() bool { return !bytes.Equal(c.old, c.data) }

// Write puts the new content in the place of the old, in one step: readers see the one or
// the other. It keeps the old content beside the file, for its owner only, under the name
// that it returns, "" for a file that is new; of earlier such copies only the first stays. A link stays a link, and the file that it leads to is replaced;
// permissions and owner stay. What is not writable, or has changed since it was read
// (errChanged), is left alone. A new file, and folders on the way to it, are for their
// owner only.
func (c Change) Write(now time.Time) (backup string, err error) {
	if backup, err = write(c.file, c.old, c.data, now); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return backup, nil
}

func write(path string, old, data []byte, now time.Time) (backup string, err error) {
	target, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return "", fmt.Errorf("%s is a link that leads nowhere", path)
		}
		if len(old) > 0 {
			return "", fmt.Errorf("%s: %w", path, errChanged)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", fmt.Errorf("make the folder: %w", err)
		}
		return "", place(path, data, 0o600, nil)
	case err != nil:
		return "", fmt.Errorf("follow the file: %w", err)
	}
	info, err := writable(target)
	if err != nil {
		return "", err
	}
	current, err := Read(target)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(current, old) {
		return "", fmt.Errorf("%s: %w", path, errChanged)
	}
	if len(old) > 0 {
		backup = target + "." + now.UTC().Format(backupTime) + ".bak"
		if err := place(backup, old, 0o600, info); err != nil {
			return "", fmt.Errorf("keep a copy: %w", err)
		}
		removeBackups(target, backup)
	}
	return backup, place(target, data, info.Mode().Perm(), info)
}

// backupTime is how the name of a copy tells when it was made.
const backupTime = "20060102T150405.000Z"

// removeBackups removes the copies of a file but the first, which is from before our first
// change, and the last, which was just made, whatever the clock said before: they may hold
// secrets. The first is for its owner only, as the last is.
func removeBackups(target, last string) {
	ours := slices.DeleteFunc(copies(target), func(path string) bool { return filepath.Base(path) == filepath.Base(last) })
	if len(ours) == 0 {
		return
	}
	_ = os.Chmod(ours[0], 0o600)
	for _, path := range ours[1:] {
		_ = os.Remove(path) // one that stays is no worse than before
	}
}

// copies are those of a file, in the order of their times.
func copies(target string) (ours []string) {
	files, err := os.ReadDir(filepath.Dir(target)) // by name, and so by time
	if err != nil {
		return nil
	}
	for _, file := range files {
		when, isCopy := strings.CutPrefix(file.Name(), filepath.Base(target)+".")
		when, named := strings.CutSuffix(when, ".bak")
		if _, err := time.Parse(backupTime, when); err == nil && isCopy && named && file.Type().IsRegular() {
			ours = append(ours, filepath.Join(filepath.Dir(target), file.Name()))
		}
	}
	return ours
}

// writable opens the file as an editor would: a file that its owner has protected is left
// alone, although a rename could replace it.
func writable(target string) (fs.FileInfo, error) {
	info, err := os.Stat(target)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe for writing may never end
		return nil, fmt.Errorf("%s: %w", target, foreign.ErrNoFile)
	}
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return info, f.Close()
}

// place writes a temporary file in the same folder and renames it.
func place(path string, data []byte, mode fs.FileMode, like fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".mcp-login-*.tmp")
	if err != nil {
		return fmt.Errorf("write beside the file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if like != nil {
		err = keepOwner(f, like)
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("write beside the file: %w", err)
	}
	return os.Rename(f.Name(), path)
}
