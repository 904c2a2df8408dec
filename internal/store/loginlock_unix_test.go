//go:build unix

// Windows removes no file that a process holds open: there LockLogin ends with ErrHeld.

package store

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth"
)

// stopped is a store whose process holds the login of key and does not go on.
func stopped(t *testing.T, dir string, key oauth.Key, p Pending) (s *Store, unlock func()) {
	t.Helper()
	s = fileStore(t, dir)
	unlock, err := s.LockLogin(t.Context(), key, nil)
	if err == nil {
		err = s.SetPending(t.Context(), key, p)
	}
	must(t, err)
	return s, unlock
}

// A login whose process was stopped is waited for as long as it may take, by no time of
// day, and then its lock is taken away: when it goes on, it is over, and takes nothing
// of the next one along.
func TestOverdueLogin(t *testing.T) {
	key := oauth.Key{Server: "https://server.example/mcp"}
	for name, c := range map[string]struct{ ahead, life, waits time.Duration }{
		"a login":                {0, 2 * time.Minute, 2 * time.Minute},
		"the clock was set":      {time.Hour, time.Minute, time.Minute},
		"the clock was set back": {-time.Hour, time.Minute, time.Minute},
		"a deadline before":      {0, -time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				started := began.Add(-c.ahead)
				held, unlock := stopped(t, dir, key, Pending{PID: 1, Started: started, Deadline: started.Add(c.life)})
				next := fileStore(t, dir)
				unlockNext := lockLogin(t, next, key)
				if waited := time.Since(began); waited < c.waits+overdueAfter || waited > c.waits+overdueAfter+2*time.Second {
					t.Errorf("after %v", waited)
				}
				if !next.LoginDied(t.Context(), key) {
					t.Error("it did not count as one whose process died")
				}
				must(t, next.SetPending(t.Context(), key, Pending{PID: 1, Started: time.Now(), Deadline: time.Now().Add(time.Minute)}))
				if held.Permitted(key) {
					t.Error("the one that was stopped may go on")
				}
				unlock()
				if p, ok, err := next.Pending(t.Context(), key); err != nil || !ok || p.Started.Equal(started) || !next.Permitted(key) {
					t.Errorf("the next one: %+v, %v, %v", p, ok, err)
				}
				third, end := fileStore(t, dir), time.Now()
				go func() { time.Sleep(10 * time.Second); unlockNext() }()
				unlockThird, err := third.LockLogin(t.Context(), key, nil)
				if err != nil || time.Since(end) < 10*time.Second {
					t.Errorf("the lock excludes nobody: %v after %v", err, time.Since(end))
				}
				unlockThird()
			})
		})
	}
}

// Who is told to end a login and does not, because it was stopped, holds up nobody.
func TestBreakLoginLock(t *testing.T) {
	key, dir := oauth.Key{Server: "https://server.example/mcp"}, t.TempDir()
	held, unlock := stopped(t, dir, key, Pending{PID: 1})
	other := fileStore(t, dir)
	if err := other.BreakLoginLock(t.Context(), key); err != nil || !other.LoginUnderWay(t.Context(), key) {
		t.Errorf("a login that nobody has ended: %v", err)
	}
	must(t, other.EndLogin(t.Context(), key))
	must(t, other.BreakLoginLock(t.Context(), key))
	_, unlockNext := stopped(t, dir, key, Pending{PID: 2})
	if held.Permitted(key) {
		t.Error("the one that was stopped may go on")
	}
	unlock()
	if !other.LoginUnderWay(t.Context(), key) {
		t.Error("the one that was stopped has taken the next one along")
	}
	unlockNext()
}

// A process that was stopped while it renews a login holds up nobody for ever.
func TestHeldLock(t *testing.T) {
	key, dir := oauth.Key{Server: "https://server.example/mcp"}, t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		unlock := lock(t, fileStore(t, dir), key)
		defer unlock()
		began := time.Now()
		if _, err := fileStore(t, dir).Lock(t.Context(), key); !errors.Is(err, oauth.ErrHeld) || time.Since(began) > holdLimit+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
