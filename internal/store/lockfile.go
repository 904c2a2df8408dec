package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Where the file system has no kernel locks (some network ones), a lock is a
// file that only one process can create. Its holder touches it while it works;
// one that stands untouched for staleAfter belongs to nobody any more. Waiters
// measure that with their own clock, so that no two clocks are compared.
const (
	lockFileSuffix = ".held"
	touchInterval  = 2 * time.Second
	staleAfter     = 15 * time.Second
)

// tryLockFile returns what takes a lock by creating a file beside its path.
func (s *Store) tryLockFile() tryLock {
	owner := rand.Text()
	var touched, since time.Time // the holder's latest touch, and when it was seen
	return func(path string) (release func(), ok bool, err error) {
		path += lockFileSuffix
		for {
			err := createLockFile(path, owner)
			if err == nil {
				return s.keepFresh(path, owner), true, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return nil, false, fmt.Errorf("lock with a file: %w", err)
			}
			info, err := os.Lstat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return nil, false, fmt.Errorf("lock with a file: %w", err)
			case !info.ModTime().Equal(touched):
				touched, since = info.ModTime(), time.Now()
			case time.Since(since) >= staleAfter:
				removeLockFile(path, owner)
				continue
			}
			return nil, false, nil
		}
	}
}

// createLockFile fails with fs.ErrExist while somebody else has the file.
func createLockFile(path, owner string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(owner)
	return errors.Join(err, f.Close())
}

// removeLockFile removes a file whose holder is gone. It is renamed first: of several
// waiters one succeeds, and none removes what another has just created.
func removeLockFile(path, owner string) {
	aside := path + "." + owner
	if os.Rename(path, aside) == nil {
		_ = os.Remove(aside)
	}
}

// keepFresh shows that the holder lives, until release.
func (s *Store) keepFresh(path, owner string) (release func()) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(touchInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				now := time.Now()
				if err := os.Chtimes(path, now, now); err != nil {
					s.log.Debug("cannot show that the lock is held", "file", filepath.Base(path), "error", err)
				}
			}
		}
	}()
	return func() {
		stop()
		<-done
		if b, err := os.ReadFile(path); err == nil && string(b) == owner {
			_ = os.Remove(path)
		}
	}
}
