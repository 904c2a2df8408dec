package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"mcp-login/internal/hint"
)

const (
	// maxFile bounds what is read from one file, and so what is written.
	maxFile = 1 << 20
	// staleTempAge is when a temporary file counts as left behind: a live writer
	// needs milliseconds.
	staleTempAge = time.Minute
)

// unsafeFile describes a file that is not used, and what to do about it.
func unsafeFile(path, what, next string) error {
	return &hint.Error{Op: "use " + path, Err: fmt.Errorf("%w: %s", ErrUnsafe, what), Hint: next}
}

// readPrivate reads a file that must be regular, private and ours. The errors
// are fs.ErrNotExist, ErrUnsafe, ErrDamaged when it is larger than maxFile, and
// those of the system.
func readPrivate(ctx context.Context, path string) ([]byte, error) {
	f, err := openPrivate(ctx, path)
	if err != nil {
		return nil, missing(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at a stored file: %w", err)
	}
	if err := checkFile(path, info); err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, ErrDamaged
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read a stored file: %w", err)
	}
	if len(b) > maxFile {
		return nil, ErrDamaged
	}
	return b, nil
}

// checkFile refuses whatever cannot be a file that this package wrote.
func checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return unsafeFile(path, "it is "+kindOf(info.Mode()), "look who put it there, then remove it")
	}
	if !ownedByUs(info) {
		return unsafeFile(path, "it belongs to another user", "run as the user who signed in, or remove it")
	}
	if openToOthers(info.Mode()) {
		return unsafeFile(path, fmt.Sprintf("its mode %04o lets other users in", info.Mode().Perm()),
			"if nobody else can have read it: chmod 600 "+hint.Quote(path)+"; otherwise remove it and sign in again")
	}
	return nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "not a regular file"
}

// disk makes the changes to one directory. A process may end, and power fail,
// between any two of the steps it takes.
type disk struct {
	dir string
	// observe is called with each step after it was taken; nil outside of tests.
	observe func(step)
}

// step is one change to a directory or to a file in it.
type step struct {
	op   string // one of the steps below
	name string // in the directory
	to   string // of a rename
	data []byte // of a write
}

const (
	stepCreate = "create"
	stepWrite  = "write"
	stepSync   = "sync" // of a file, and with no name of the directory
	stepRename = "rename"
	stepUnlink = "unlink"
)

func (d *disk) done(s step) {
	if d.observe != nil {
		d.observe(s)
	}
}

// write replaces the file name by data as one step: a temporary file beside
// it, mode 0600, synced when durable, renamed. Whatever fails, the old file
// stays as it was. A link or pipe in its place is refused, not followed, and so is
// what would be too large to be read again.
func (d *disk) write(ctx context.Context, name string, data []byte, durable bool) (fs.FileInfo, error) {
	target := filepath.Join(d.dir, name)
	if len(data) > maxFile {
		return nil, fmt.Errorf("write %s: it would have %d bytes, more than are read again", target, len(data))
	}
	if old, err := os.Lstat(target); err == nil && (!old.Mode().IsRegular() || !ownedByUs(old)) {
		return nil, checkFile(target, old)
	}
	random := make([]byte, tempRandom/2)
	_, _ = rand.Read(random)
	temp := name + "." + hex.EncodeToString(random) + tempSuffix
	info, err := d.writeTemp(temp, data, durable)
	if err == nil {
		err = retrySharing(ctx, func() error { return os.Rename(filepath.Join(d.dir, temp), target) })
	}
	if err != nil {
		_ = os.Remove(filepath.Join(d.dir, temp))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", errNoDirectory, err)
		}
		return nil, fmt.Errorf("write %s: %w", target, err)
	}
	d.done(step{op: stepRename, name: temp, to: name})
	if durable {
		if err := d.sync(); err != nil {
			return nil, fmt.Errorf("sync %s: %w", d.dir, err)
		}
	}
	return info, nil
}

func (d *disk) writeTemp(temp string, data []byte, durable bool) (info fs.FileInfo, err error) {
	f, err := os.OpenFile(filepath.Join(d.dir, temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d.done(step{op: stepCreate, name: temp})
	if _, err := f.Write(data); err != nil {
		return nil, err
	}
	d.done(step{op: stepWrite, name: temp, data: data})
	if durable {
		if err := f.Sync(); err != nil {
			return nil, err
		}
		d.done(step{op: stepSync, name: temp})
	}
	return f.Stat()
}

// sync makes the renames and removals so far durable.
func (d *disk) sync() error {
	if err := syncDirectory(d.dir); err != nil {
		return err
	}
	d.done(step{op: stepSync})
	return nil
}

// remove deletes the file name; a missing one is no error.
func (d *disk) remove(ctx context.Context, name string) error {
	err := retrySharing(ctx, func() error { return os.Remove(filepath.Join(d.dir, name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		d.done(step{op: stepUnlink, name: name})
	}
	return err
}

// removeStaleTemps removes temporary files of writers that died.
func (d *disk) removeStaleTemps(now time.Time) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && isStaleTemp(info, now) {
			_ = os.Remove(filepath.Join(d.dir, e.Name()))
		}
	}
}

// isStaleTemp reports whether a file of the directory, or that of a probe, was left
// behind by a writer that died.
func isStaleTemp(info fs.FileInfo, now time.Time) bool {
	_, suffix, _ := identityOf(info.Name())
	_, temp := tempOf(info.Name())
	return (temp && isStoreFile(info.Name()) || suffix == probeSuffix) && now.Sub(info.ModTime()) > staleTempAge
}

const useAnotherDirectory = "choose another directory with MCP_LOGIN_DIR"

// ensureDirectory makes the store's directory with mode 0700, or checks it.
func ensureDirectory(dir string) error {
	err := checkDirectory(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The umask can only take bits away; a parallel start may be first.
	err = os.MkdirAll(filepath.Dir(dir), 0o700)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &hint.Error{Err: fmt.Errorf("%w: %w", errNoDirectory, err), Hint: useWritable(err)}
	}
	return checkDirectory(dir)
}

// missing lets an error say that nothing is there where it is that a file stands in the
// place of a directory.
func missing(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w (%w)", err, fs.ErrNotExist)
	}
	return err
}

// checkDirectory returns fs.ErrNotExist when there is none, and ErrUnsafe when
// other users could get in or when somebody else has put it there.
func checkDirectory(dir string) error {
	link, err := os.Lstat(dir)
	if err != nil {
		return &hint.Error{Op: "look at the store's directory", Err: missing(err), Hint: useAnotherDirectory}
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
		return &hint.Error{Op: "use " + dir, Err: missing(syscall.ENOTDIR), Hint: useWritable(nil)}
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
	if writableByOthers(mode) {
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
