package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mcp-login/internal/oauth"
)

// A process that was stopped (SIGSTOP, a frozen container) or hangs keeps its locks. A
// login has an end of its own, which stands in its record: when that has passed, and
// time to keep the outcome, whoever waits takes the lock away. When the process goes
// on, its login is over. Windows removes no file that is open: there the wait ends with
// oauth.ErrHeld.
const (
	// overdueAfter is how long a login may take to end behind its deadline.
	overdueAfter = 30 * time.Second
	// maxLife is the longest that a login may take, and defaultLife how long one may
	// whose record has no deadline.
	maxLife     = 24 * time.Hour
	defaultLife = 10 * time.Minute
	// deathPause is the longest time in which the lock of a login is not tried whose
	// record has not changed: its process may have died, and not be looked for here.
	deathPause = 100 * time.Millisecond
)

// loginWatch is the wait for the login of another process. Who waits for its lock
// looks at the record of the login alone, which is gone when it has ended: that is one
// system call, where a try at the lock is four. While there is none, the lock is tried
// each time.
type loginWatch struct {
	store  *Store
	id     string
	follow func(oauth.Prompt) // is told what that process shows; may be nil

	tried   time.Time   // when the lock was last found taken
	file    fs.FileInfo // the record as it was then, nil for none
	record  pendingFile // what was read of it
	readErr error       // why that was not possible
	shown   string      // Pending.URL that follow knows
}

// try tries the lock of the login if it may be free. w is nil for another lock, which
// is always tried.
func (w *loginWatch) try(ctx context.Context, lock tryLock, path string) (release func(), ok bool, err error) {
	if w == nil {
		return lock(path)
	}
	file, err := os.Lstat(filepath.Join(w.store.dir, w.id+pendingSuffix))
	if err != nil {
		file = nil
	}
	changed := !sameRecord(file, w.file)
	if file != nil && !changed && time.Since(w.tried) < deathPause && !noProcess(w.record.PID) {
		return nil, false, nil
	}
	// Nothing is noted of a try that failed: without kernel locks another kind of lock is
	// tried next, and the record is still to be read.
	if release, ok, err = lock(path); err != nil || ok {
		return release, ok, err
	}
	first := w.tried.IsZero()
	w.tried, w.file = time.Now(), file
	if changed || first || file != nil && w.readErr != nil {
		w.read(ctx)
	}
	if w.store.overdue(w.id, w.record, w.readErr) {
		return nil, false, w.store.takeLogin(ctx, w.id)
	}
	return nil, false, nil
}

// sameRecord reports whether a record was not replaced between two looks. It is replaced
// by another file, whose size and time may be the same where times are coarse.
func sameRecord(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return sameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read reads the record of the login, whose process has the lock, and tells what it
// shows.
func (w *loginWatch) read(ctx context.Context) {
	w.record, w.readErr = w.store.readPending(ctx, w.id)
	p := w.record.Pending
	if w.readErr != nil || w.record.Died || p.URL == "" || p.URL == w.shown || w.follow == nil {
		return
	}
	prompt := oauth.Prompt{
		Issuer: p.Issuer, URL: p.URL, Local: p.LocalURL, Mark: p.Cookie, UserCode: p.UserCode, RedirectURI: p.RedirectURI, PasteFrom: p.PasteFrom,
		Began: p.Started, Deadline: p.Deadline, Resumed: w.shown != "",
	}
	w.shown = p.URL
	w.follow(prompt)
}

// seenLogin is a login, and when this process saw it first by the monotonic clock: it
// cannot be set, and stands still while the machine sleeps, as the login may.
type seenLogin struct {
	pid     int
	started time.Time
	at      time.Time
}

// is reports whether r is the record of that login. In containers that share a folder
// process ids repeat.
func (l seenLogin) is(r pendingFile) bool { return l.pid == r.PID && l.started.Equal(r.Started) }

// overdue reports whether this process has seen the login of the record r for longer
// than it may take; err is that of reading it. No time of day counts: the clock may
// have been set since the login began.
func (s *Store) overdue(id string, r pendingFile, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || r.Died {
		delete(s.seen, id)
		return false
	}
	first, known := s.seen[id]
	if !known || !first.is(r) {
		first = seenLogin{r.PID, r.Started, time.Now()}
		s.seen[id] = first
	}
	life := defaultLife
	if !r.Deadline.IsZero() {
		life = min(max(r.Deadline.Sub(r.Started), 0), maxLife)
	}
	return time.Since(first.at) > life+overdueAfter
}

// takeLogin takes the lock of an overdue login away from its process: a lock on a file
// that is not there any more excludes nobody. Of several waiters one does so.
func (s *Store) takeLogin(ctx context.Context, id string) error {
	return s.withWriteLock(ctx, func() error {
		if r, err := s.readPending(ctx, id); !s.overdue(id, r, err) {
			return nil
		}
		if err := s.breakLock(id); err != nil {
			return err
		}
		s.markDied(ctx, id)
		return nil
	})
}

// BreakLoginLock takes the lock of the login under key away from a process that was told to
// end it, with EndLogin, and does not.
func (s *Store) BreakLoginLock(ctx context.Context, key oauth.Key) error {
	id := key.ID()
	if s.memory != nil {
		return nil
	}
	return s.withWriteLock(ctx, func() error {
		if exists(filepath.Join(s.dir, id+pendingSuffix)) {
			return nil // another login has begun
		}
		return s.breakLock(id)
	})
}

func (s *Store) breakLock(id string) error {
	err := os.Remove(filepath.Join(s.dir, id+loginSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", oauth.ErrHeld, err)
	}
	s.log.Warn("the process of a login does not end; another login may begin without it")
	return nil
}

// publishedHere reports whether the record of the login under way is that of this process;
// what cannot be read counts as that.
func (s *Store) publishedHere(ctx context.Context, id string) bool {
	r, err := s.readPending(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return err != nil || !r.Died && s.published[id].is(r)
}
