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
	// maxLife is the longest that a login may take, and unsaidLife one that does not say.
	maxLife    = 24 * time.Hour
	unsaidLife = 10 * time.Minute
	// lookPause is how often a waiter looks at the record.
	lookPause = time.Second
)

// sighting is a login, and when this process saw it first, by the clock that nobody sets and
// that stands still while the machine sleeps, as the login may.
type sighting struct {
	pid     int
	started time.Time
	at      time.Time
}

// is reports whether r is the record of that login. In containers that share a folder
// process ids repeat.
func (l sighting) is(r pendingFile) bool { return l.pid == r.PID && l.started.Equal(r.Started) }

// lockOverdue takes the lock of the login of id, also from a process whose login is
// overdue.
func (s *Store) lockOverdue(ctx context.Context, id string) (release func(), err error) {
	for {
		wait, end := context.WithCancelCause(ctx)
		if s.memory == nil {
			go s.awaitOverdue(wait, id, end)
		}
		release, err = s.lockIdentity(wait, id+loginSuffix)
		overdue := errors.Is(context.Cause(wait), oauth.ErrHeld)
		end(nil)
		if err == nil || !overdue || ctx.Err() != nil {
			return release, err
		}
		if err := s.takeLogin(ctx, id); err != nil {
			return nil, err
		}
	}
}

// awaitOverdue calls end with oauth.ErrHeld when the login under way is overdue.
func (s *Store) awaitOverdue(ctx context.Context, id string, end context.CancelCauseFunc) {
	look := time.NewTicker(lookPause)
	defer look.Stop()
	for {
		if s.overdue(ctx, id) {
			end(oauth.ErrHeld)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// overdue reports whether this process has seen the login under way for longer than it
// may take. No time of day counts: the clock may have been set since the login began.
func (s *Store) overdue(ctx context.Context, id string) bool {
	r, err := s.readPending(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || r.Died {
		delete(s.seen, id)
		return false
	}
	first, known := s.seen[id]
	if !known || !first.is(r) {
		first = sighting{r.PID, r.Started, time.Now()}
		s.seen[id] = first
	}
	life := unsaidLife
	if !r.Deadline.IsZero() {
		life = min(max(r.Deadline.Sub(r.Started), 0), maxLife)
	}
	return time.Since(first.at) > life+overdueAfter
}

// takeLogin takes the lock of an overdue login away from its process: a lock on a file
// that is not there any more excludes nobody. Of several waiters one does so.
func (s *Store) takeLogin(ctx context.Context, id string) error {
	return s.withWriteLock(ctx, func() error {
		if !s.overdue(ctx, id) {
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
