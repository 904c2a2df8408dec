package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"mcp-login/internal/retry"
)

const (
	openNoFollow = 0
	lockFlags    = 0
)

// openPrivate opens path for reading. Links are recognised before the open;
// the access list of the user's folder is what keeps others from planting one.
func openPrivate(ctx context.Context, path string) (f *os.File, err error) {
	err = retrySharing(ctx, func() error {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return checkFile(path, info)
		}
		f, err = os.Open(path)
		return err
	})
	return f, err
}

func refusedOpen(_ string, err error) error { return err }

// ownedByUs, ownedByRoot and openToOthers: Windows has no owner and no mode in this
// sense; a user's folder is private by its inherited access list.
func ownedByUs(fs.FileInfo) bool    { return true }
func ownedByRoot(fs.FileInfo) bool  { return false }
func openToOthers(fs.FileMode) bool { return false }

func writableByOthers(fs.FileMode) bool { return false }

// syncDirectory: NTFS journals renames, and a directory cannot be synced.
func syncDirectory(string) error { return nil }

// A virus scanner, a backup or a reader that has the file open is waited for: 20 ms,
// doubled each time, 1.3 s in all.
const (
	sharingTries      = 7
	firstSharingPause = 20 * time.Millisecond
)

// retrySharing repeats f while another process has the file open.
func retrySharing(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == sharingTries || !sharing(err) || retry.Sleep(ctx, retry.Doubled(try-1, firstSharingPause, time.Second)) != nil {
			return err
		}
	}
}

func sharing(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// sameFile: os.SameFile opens the files, and one that is open is not replaced. The times
// of NTFS are exact.
func sameFile(_, _ fs.FileInfo) bool { return true }

// noProcess: Windows is not asked; deathPause is enough.
func noProcess(int) bool { return false }

// noLocks reports whether err says that the file system has no locks.
func noLocks(err error) bool {
	return errors.Is(err, windows.ERROR_NOT_SUPPORTED) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, errors.ErrUnsupported)
}

// unwritable reports whether err says that nothing can be created here.
func unwritable(err error) bool {
	return errors.Is(err, errNoDirectory) || errors.Is(err, windows.ERROR_WRITE_PROTECT) || diskFull(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// diskFull reports whether err says that there is no room.
func diskFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
