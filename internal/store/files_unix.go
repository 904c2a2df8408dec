//go:build unix

package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	openNoFollow = unix.O_NOFOLLOW
	// lockFlags: a link is not followed and a pipe does not block.
	lockFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK
)

// openPrivate opens path for reading without following a link in its last
// part, and without waiting for the other end of a pipe.
func openPrivate(_ context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	return f, refusedOpen(path, err)
}

// refusedOpen explains the errors by which the kernel refuses what is no file.
func refusedOpen(path string, err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EMLINK) {
		if info, lerr := os.Lstat(path); lerr == nil && !info.Mode().IsRegular() {
			return checkFile(path, info)
		}
	}
	return err
}

// ownedByUs reports whether the file belongs to the user this process acts for.
func ownedByUs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// ownedByRoot reports whether the file belongs to the system.
func ownedByRoot(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0
}

// openToOthers reports whether the mode lets other users in.
func openToOthers(m fs.FileMode) bool { return m.Perm()&0o077 != 0 }

// writableByOthers reports whether the mode lets other users change something.
func writableByOthers(m fs.FileMode) bool { return m.Perm()&0o022 != 0 }

// syncDirectory makes a rename durable.
func syncDirectory(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a directory; the rename is then as safe
	// as it gets there.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// retrySharing: only Windows refuses because another process has the file open.
func retrySharing(_ context.Context, f func() error) error { return f() }

// sameFile reports whether two looks at a path found one file.
func sameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// noProcess reports whether no process has this id here. It says no more than that a
// lock may be free: in containers that share a folder process ids repeat.
func noProcess(pid int) bool { return pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// noLocks reports whether err says that the file system has no locks.
func noLocks(err error) bool {
	return errors.Is(err, unix.ENOLCK) || errors.Is(err, errors.ErrUnsupported)
}

// unwritable reports whether err says that nothing can be created here.
func unwritable(err error) bool {
	return errors.Is(err, errNoDirectory) || errors.Is(err, unix.EROFS) || diskFull(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// diskFull reports whether err says that there is no room.
func diskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
