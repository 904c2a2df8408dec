package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth"
)

// withoutKernelLocks makes a store on a file system that has none.
func withoutKernelLocks(t testing.TB, o Options) *Store {
	s := mustOpen(t, o)
	s.tryKernelLock = func(string) (func(), bool, error) { return nil, false, errors.ErrUnsupported }
	return s
}

// Without kernel locks the lock still excludes: 8 stores, as of
// 8 processes, 50 renewals each, none of them overlaps and none is lost.
func TestLockFilesExclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const stores, rounds = 8, 50
	key := keyFor("a")
	var wg sync.WaitGroup
	var told sync.Map
	for i := range stores {
		wg.Go(func() {
			s := withoutKernelLocks(t, Options{Dir: dir, Kind: KindFile, Notice: func(m, _ string) { told.Store(i, m) }})
			for range rounds {
				unlock, err := s.Lock(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				// A read and a write with room for others in between.
				cred, err := s.Load(t.Context(), key)
				if err == nil || errors.Is(err, oauth.ErrNotFound) {
					cred.Server = key.Server
					cred.RequestedScopes = append(cred.RequestedScopes, "x")
					err = s.Save(t.Context(), key, cred)
				}
				if err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	wg.Wait()
	cred, err := fileStore(t, dir).Load(t.Context(), key)
	if err != nil || len(cred.RequestedScopes) != stores*rounds {
		t.Errorf("%d of %d renewals, %v", len(cred.RequestedScopes), stores*rounds, err)
	}
	notices := 0
	told.Range(func(_, _ any) bool { notices++; return true })
	if notices != 1 {
		t.Errorf("the person was told %d times", notices)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+lockFileSuffix+"*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A holder that died is succeeded after its silence; one that lives is not,
// however long it works.
func TestLockFileOfADeadHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := withoutKernelLocks(t, Options{Dir: dir, Kind: KindFile})
		path := filepath.Join(dir, "x.lock")
		must(t, os.MkdirAll(dir, 0o700))
		must(t, createLockFile(path+lockFileSuffix, "the dead"))
		release, err := s.amongProcesses(t.Context(), "x.lock", nil)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*staleAfter)
		defer cancel()
		if _, err := s.amongProcesses(ctx, "x.lock", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a living holder was succeeded: %v", err)
		}
		release()
		release, err = s.amongProcesses(t.Context(), "x.lock", nil)
		must(t, err)
		release()
	})
}

// Who waits for the login of another process is told what that one shows, and what it
// shows instead; it has the lock within lockPause of the end of the login, and tries
// the lock meanwhile only as often as is needed to see that a process has died.
func TestLoginOfAnotherProcessIsFollowed(t *testing.T) {
	for name, kernelLocks := range map[string]bool{"kernel locks": true, "files as locks": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { testFollowed(t, dir, kernelLocks) })
		})
	}
}

func testFollowed(t *testing.T, dir string, kernelLocks bool) {
	tries, key := 0, keyFor("a")
	open := func() *Store {
		o := Options{Dir: dir, Kind: KindFile, Notice: func(string, string) {}}
		if !kernelLocks {
			return withoutKernelLocks(t, o)
		}
		s := mustOpen(t, o)
		s.tryKernelLock = func(path string) (func(), bool, error) {
			if filepath.Base(path) == key.ID()+loginSuffix {
				tries++
			}
			return tryKernelLock(path)
		}
		return s
	}
	s := open()
	unlock := lockLogin(t, s, key)
	began := time.Now()
	show := func(after time.Duration, address string) {
		time.Sleep(time.Until(began.Add(after)))
		if err := s.SetPending(t.Context(), key, Pending{URL: address, UserCode: "U", PID: os.Getpid(), Started: began, Deadline: began.Add(time.Minute)}); err != nil {
			t.Error(err)
		}
	}
	var ended time.Time
	show(0, "")
	tries = 0
	go func() {
		show(2*time.Second, "https://issuer.example/1")
		show(3*time.Second, "https://issuer.example/1")
		show(4*time.Second, "https://issuer.example/2")
		time.Sleep(time.Until(began.Add(10*time.Second + 7*time.Millisecond)))
		ended = time.Now()
		unlock()
	}()
	var shown []oauth.Prompt
	var at []time.Duration
	unlockNext, err := open().LockLogin(t.Context(), key, func(p oauth.Prompt) {
		shown, at = append(shown, p), append(at, time.Since(began))
	})
	must(t, err)
	defer unlockNext()
	if waited := time.Since(ended); waited > lockPause {
		t.Errorf("%v after the end of the login", waited)
	}
	if limit := int(10*time.Second/deathPause) + 10; tries > limit {
		t.Errorf("the lock was tried %d times in 10 s, more than %d", tries, limit)
	}
	if len(shown) != 2 || shown[0].URL != "https://issuer.example/1" || shown[1].URL != "https://issuer.example/2" ||
		shown[0].Resumed || !shown[1].Resumed || shown[0].UserCode != "U" || !shown[0].Deadline.Equal(began.Add(time.Minute)) {
		t.Fatalf("shown %+v", shown)
	}
	for i, want := range []time.Duration{2 * time.Second, 4 * time.Second} {
		if at[i] < want || at[i] > want+lockPause+10*time.Millisecond {
			t.Errorf("the address %d was shown after %v", i, at[i])
		}
	}
}
