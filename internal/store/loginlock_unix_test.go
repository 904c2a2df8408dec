//go:build unix

// Windows removes no file that a process holds open: there LockLogin ends with ErrHeld.

package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
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

// Who waits for a login is told what its record says, whenever it was published, and
// even where it could not be read at first or looks as it did before.
func TestWaiterReadsTheRecordOfALogin(t *testing.T) {
	key, at := keyFor("a"), time.Now().Add(-time.Hour)
	const first, second = "https://issuer.example/1", "https://issuer.example/2"
	unreadable := func(t *testing.T, path string) (mend func()) {
		good := take(t, path)
		put(t, path, bytes.Repeat([]byte("x"), len(good)))
		return func() { put(t, path, good) }
	}
	for name, c := range map[string]struct {
		open   func(t testing.TB, o Options) *Store
		before func(t *testing.T, path string) (after func())
		then   string // what is published meanwhile
		want   []string
	}{
		"published before":                       {open: mustOpen, want: []string{first}},
		"published before, without kernel locks": {open: withoutKernelLocks, want: []string{first}},
		"not to be read at first":                {open: mustOpen, before: unreadable, want: []string{first}},
		"replaced at the same coarse time":       {open: mustOpen, then: second, want: []string{first, second}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, key.ID()+pendingSuffix)
			synctest.Test(t, func(t *testing.T) {
				o := Options{Dir: dir, Kind: KindFile, Notice: func(string, string) {}}
				holder, waiter, began := c.open(t, o), c.open(t, o), time.Now()
				unlock := lockLogin(t, holder, key)
				defer unlock()
				touch := func() { must(t, os.Chtimes(path, at, at)) }
				publish := func(address string) {
					must(t, holder.SetPending(t.Context(), key, Pending{URL: address, PID: os.Getpid(), Started: began}))
					touch()
				}
				publish(first)
				after := func() {}
				if c.before != nil {
					after = c.before(t, path)
					touch()
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var shown []string
				go func() {
					_, err := waiter.LockLogin(ctx, key, func(p oauth.Prompt) { shown = append(shown, p.URL) })
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}()
				time.Sleep(time.Second)
				if after(); c.then != "" {
					publish(c.then)
				}
				touch()
				time.Sleep(time.Second)
				cancel()
				synctest.Wait()
				if !slices.Equal(shown, c.want) {
					t.Errorf("shown %q, want %q", shown, c.want)
				}
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
func TestHeldLockIsNotAwaitedForEver(t *testing.T) {
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
