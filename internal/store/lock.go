package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/semaphore"

	"mcp-login/internal/oauth"
	"mcp-login/internal/retry"
)

// The kernel tells nobody that a lock has become free. Who waits for one looks again
// after a pause that doubles from firstPause to lockPause.
const (
	firstPause = time.Millisecond
	lockPause  = 20 * time.Millisecond
)

// holdLimit bounds the wait for a process that renews a login: three requests to the
// provider of two minutes, and the pauses between them.
const holdLimit = 7 * time.Minute

// Lock implements oauth.Store: one holder among all goroutines and processes.
// It ends with ctx, and with oauth.ErrHeld after holdLimit. The lock is never taken
// away: a process that was stopped while it spends a refresh token may go on. Where
// files cannot be locked, or nothing can be written at all, it holds among the
// goroutines of this Store only, and the person is told; signing in still works then.
func (s *Store) Lock(ctx context.Context, key oauth.Key) (unlock func(), err error) {
	name := key.ID() + lockSuffix
	ctx, cancel := context.WithTimeoutCause(ctx, holdLimit, oauth.ErrHeld)
	defer cancel()
	release, err := s.lockIdentity(ctx, name, nil)
	if err != nil && errors.Is(context.Cause(ctx), oauth.ErrHeld) {
		err = oauth.ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("lock the credential: %w", err)
	}
	s.setHeld(name, true)
	return sync.OnceFunc(func() {
		s.setHeld(name, false)
		release()
	}), nil
}

// LockLogin implements oauth.Store, in the same way. unlock removes the Pending
// record of this Store. The lock is taken away from a process that holds it longer
// than the login it has published may take.
func (s *Store) LockLogin(ctx context.Context, key oauth.Key, follow func(oauth.Prompt)) (unlock func(), err error) {
	id := key.ID()
	release, err := s.lockIdentity(ctx, id+loginSuffix, &loginWatch{store: s, id: id, follow: follow})
	if err != nil {
		return nil, fmt.Errorf("lock the login: %w", err)
	}
	s.markDied(ctx, id)
	s.setHeld(id+loginSuffix, true)
	return sync.OnceFunc(func() {
		if s.memory != nil || s.isHeld(id+pendingSuffix) && s.publishedHere(ctx, id) {
			s.removePending(id)
		}
		s.setHeld(id+pendingSuffix, false)
		s.setHeld(id+loginSuffix, false)
		release()
	}), nil
}

// LoginUnderWay implements oauth.Store. Who has only waited for the lock has it
// for a moment too, but publishes nothing.
func (s *Store) LoginUnderWay(ctx context.Context, key oauth.Key) bool {
	name := key.ID() + loginSuffix
	if s.isHeld(name) {
		return true
	}
	if s.memory != nil {
		return false
	}
	path := filepath.Join(s.dir, name)
	if w, err := s.readPending(ctx, key.ID()); errors.Is(err, fs.ErrNotExist) || w.Died {
		return false
	}
	release, free, err := s.tryKernelLock(path)
	if err == nil && free {
		release()
	}
	if err != nil && noLocks(err) {
		return exists(path + lockFileSuffix)
	}
	return err == nil && !free
}

// lockIdentity takes one of the locks of an identity. w is of a login.
func (s *Store) lockIdentity(ctx context.Context, name string, w *loginWatch) (release func(), err error) {
	if s.memory != nil {
		return s.inProcess(ctx, name)
	}
	if err := ensureDirectory(s.dir); unwritable(err) {
		s.notifyUnwritable(err)
		return s.inProcess(ctx, name)
	} else if err != nil {
		return nil, err
	}
	return s.acquire(ctx, name, w)
}

func (s *Store) setHeld(name string, held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held {
		s.held[name] = true
		return
	}
	delete(s.held, name)
}

// isHeld reports whether this Store holds the lock name.
func (s *Store) isHeld(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[name]
}

// acquire takes the lock name in this process and then among processes.
func (s *Store) acquire(ctx context.Context, name string, w *loginWatch) (release func(), err error) {
	inside, err := s.inProcess(ctx, name)
	if err != nil {
		return nil, err
	}
	outside, err := s.amongProcesses(ctx, name, w)
	if err != nil {
		inside()
		return nil, err
	}
	return func() { outside(); inside() }, nil
}

// inProcess takes the lock name among the goroutines of this Store. Kernel
// locks alone would do on Linux, but not where files cannot be locked.
func (s *Store) inProcess(ctx context.Context, name string) (release func(), err error) {
	s.mu.Lock()
	lock, ok := s.locks[name]
	if !ok {
		lock = semaphore.NewWeighted(1)
		s.locks[name] = lock
	}
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := lock.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { lock.Release(1) }, nil
}

// tryLock tries once to take the lock at path.
type tryLock func(path string) (release func(), ok bool, err error)

// amongProcesses takes the kernel's lock on a file of its own: the credential
// file is replaced at each save, and a lock on it would go with the old one. This is
// the one loop that waits for another process; w looks at its login meanwhile, and is
// nil for the other locks.
func (s *Store) amongProcesses(ctx context.Context, name string, w *loginWatch) (release func(), err error) {
	path := filepath.Join(s.dir, name)
	try, kernel := tryLock(s.tryKernelLock), true
	for n := 0; ; n++ {
		release, ok, err := w.try(ctx, try, path)
		switch {
		case kernel && noLocks(err):
			s.notifyOnce(noLocksMarker, "the file system of "+s.dir+" has no locks: files stand for them, and a program that dies holds up the others for a while",
				"set MCP_LOGIN_DIR to a directory on a local disk")
			try, kernel = s.tryLockFile(), false
			continue
		case kernel && (unwritable(err) || errors.Is(err, fs.ErrNotExist)): // there is no directory
			s.notifyUnwritable(err)
			return func() {}, nil
		case err != nil || ok:
			return release, err
		}
		if retry.Sleep(ctx, retry.Doubled(n, firstPause, lockPause)) != nil {
			return nil, ctx.Err()
		}
	}
}

// tryKernelLock tries once. The kernel frees the lock when its holder ends, in
// whatever way.
func tryKernelLock(path string) (release func(), ok bool, err error) {
	if there, err := os.Lstat(path); err == nil && (!there.Mode().IsRegular() || !ownedByUs(there)) {
		return nil, false, checkFile(path, there)
	}
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|lockFlags), flock.SetPermissions(0o600))
	ok, err = l.TryLock()
	if err != nil || !ok {
		return nil, false, refusedOpen(path, err)
	}
	current, err := isCurrent(l, path)
	if err != nil || !current {
		_ = l.Close()
		return nil, false, err
	}
	return func() { _ = l.Close() }, true, nil
}

// isCurrent reports whether the locked file is the one that stands at path. A
// lock on a file that was removed meanwhile, together with the whole directory
// perhaps, excludes nobody.
func isCurrent(l *flock.Flock, path string) (bool, error) {
	mine, err := l.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the lock: %w", err)
	}
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the lock: %w", err)
	case !mine.Mode().IsRegular():
		return false, checkFile(path, mine)
	}
	return os.SameFile(mine, there), nil
}

// writeWait bounds the wait for another process that writes: it needs
// milliseconds, unless it was stopped.
const writeWait = 5 * time.Second

// withWriteLock runs f as the only writer of the directory. When another one
// does not come to an end, f runs all the same: each file is replaced as a
// whole, and a credential that was just issued must not be lost.
func (s *Store) withWriteLock(ctx context.Context, f func() error) error {
	wait, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	release, err := s.acquire(wait, writeLockName, nil)
	switch {
	case err == nil:
		defer release()
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		s.log.Warn("another writer holds the store's lock; writing without it", "error", err)
	}
	return f()
}
