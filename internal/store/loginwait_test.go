package store

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth"
)

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
