package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// firstStart lets many processes make their first save at the same moment, and
// checks that each login can be read afterwards.
func firstStart(t *testing.T, dir, ring string) {
	const processes = 20
	var all []*started
	for i := range processes {
		all = append(all, start(t, helper(t, "save", dir, "keyring", ring, fmt.Sprint("p", i), strconv.Itoa(i))))
	}
	for _, p := range all {
		if _, err := io.WriteString(p.pipe, "go\n"); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range all {
		if err := p.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	s, err := helperOpen(dir, "keyring", ring)
	if err != nil {
		t.Fatal(err)
	}
	for i := range processes {
		got, err := s.Load(t.Context(), keyFor(fmt.Sprint("p", i)))
		if err != nil || numberOf(t, got) != i {
			t.Errorf("the login of process %d: %v", i, err)
		}
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != processes {
		t.Errorf("%d of %d listed, %v", len(list), processes, err)
	}
}

// One key is made, under the lock,
// and every login can be read with it.
func TestFirstStartMakesOneKey(t *testing.T) {
	t.Parallel()
	ring := t.TempDir()
	firstStart(t, filepath.Join(t.TempDir(), "store"), ring)
	if n := ringFiles(ring).sets(); n != 1 {
		t.Errorf("%d keys were made", n)
	}
}

// A saver is killed at 200 random moments. What was reported
// as saved is there, whole; nothing is left behind that the next save does not
// remove.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for _, kind := range []string{"keyring", "file"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir, ring := filepath.Join(t.TempDir(), "store"), t.TempDir()
			next, litter := 1, 0
			for range rounds / 2 {
				p := start(t, helper(t, "churn", dir, kind, ring, strconv.Itoa(next)))
				saved := next
				for _, line := range p.killAfter(rand.N(5 * time.Millisecond)) {
					n, err := strconv.Atoi(line)
					if err == nil {
						saved = n
					}
				}
				s, err := helperOpen(dir, kind, ring)
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Load(t.Context(), keyFor("churn"))
				if err != nil {
					t.Fatalf("after the kill: %v", err)
				}
				if n := numberOf(t, got); n != saved && n != saved+1 {
					t.Fatalf("number %d is stored, %d was the last one reported", n, saved)
				}
				next = saved + 2
				left, _ := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
				litter += len(left)
				for _, name := range left { // as if a while had passed
					old := time.Now().Add(-2 * staleTempAge)
					_ = os.Chtimes(name, old, old)
				}
			}
			s, err := helperOpen(dir, kind, ring)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Save(t.Context(), keyFor("churn"), numbered(next)); err != nil {
				t.Fatal(err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*"+tempSuffix)); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			t.Logf("%d kills, %d temporary files left by them and removed since", rounds/2, litter)
		})
	}
}

// Only litter goes: a temporary file that may be in use, and files of others,
// stay.
func TestStaleTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "store"), Kind: KindFile})
	if err := ensureDirectory(s.dir); err != nil {
		t.Fatal(err)
	}
	id, random := keyFor("a").ID(), strings.Repeat("0", tempRandom)
	old := []string{id + plainSuffix + "." + random + tempSuffix, indexName + "." + random + tempSuffix}
	keep := []string{"letter." + random + tempSuffix, id + plainSuffix + tempSuffix, id + ".other." + random + tempSuffix, id + sealedSuffix + "." + strings.Repeat("g", tempRandom) + tempSuffix}
	fresh := id + sealedSuffix + "." + random + tempSuffix
	for _, name := range append(append([]string{fresh}, old...), keep...) {
		put(t, filepath.Join(s.dir, name), nil)
		if age := time.Now().Add(-2 * staleTempAge); name != fresh {
			if err := os.Chtimes(filepath.Join(s.dir, name), age, age); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Save(t.Context(), keyFor("b"), numbered(1)); err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if exists(filepath.Join(s.dir, name)) {
			t.Errorf("still there: %s", name)
		}
	}
	for _, name := range append(keep, fresh) {
		if !exists(filepath.Join(s.dir, name)) {
			t.Errorf("removed: %s", name)
		}
	}
}

// The lock of another process excludes us, and the kernel
// frees it when that process is killed; its published login is gone with it.
func TestLockOfKilledProcess(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), keyFor("held")
	const rounds = 50
	longest := time.Duration(0)
	for range rounds {
		p := start(t, helper(t, "hold", dir))
		s := mustOpen(t, Options{Dir: dir, Kind: KindFile})
		if got, ok, err := s.Pending(t.Context(), key); !ok || err != nil || got.PID != p.Process.Pid || got.URL == "" {
			t.Fatalf("what the waiter sees: %+v %v %v", got, ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := s.LockLogin(ctx, key, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("two holders: %v", err)
		}
		cancel()
		p.kill()
		begin := time.Now()
		if _, ok, err := s.Pending(t.Context(), key); ok || err != nil {
			t.Fatalf("a login in progress of a dead process: %v %v", ok, err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		unlock, err := s.LockLogin(ctx, key, nil)
		cancel()
		if err != nil {
			t.Fatalf("the lock of a dead process: %v", err)
		}
		longest = max(longest, time.Since(begin))
		unlock()
	}
	t.Logf("MEASURED %d holders killed, the lock taken after at most %v", rounds, longest.Round(time.Microsecond))
}

// The record of a holder that died does not outlive the next holder's lock.
func TestStalePendingIsRemoved(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), keyFor("held")
	start(t, helper(t, "hold", dir)).kill()
	if !exists(filepath.Join(dir, key.ID()+pendingSuffix)) {
		t.Fatal("the killed process has left no record, the test shows nothing")
	}
	s := mustOpen(t, Options{Dir: dir, Kind: KindFile})
	unlock, err := s.LockLogin(t.Context(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if p, ok, err := s.Pending(t.Context(), key); ok || err != nil {
		t.Errorf("an old record passes for ours: %+v %v", p, err)
	}
}

// Whoever waited for a login learns that its process died, until somebody signs in
// or ends that: and who has only waited does not pass for somebody who signs in.
func TestLoginDied(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), keyFor("held")
	s, other := mustOpen(t, Options{Dir: dir, Kind: KindFile}), mustOpen(t, Options{Dir: dir, Kind: KindFile})
	dies := func() {
		t.Helper()
		p := start(t, helper(t, "hold", dir))
		if s.LoginDied(t.Context(), key) || !s.LoginUnderWay(t.Context(), key) {
			t.Error("one that lives has died, or is not seen")
		}
		p.kill()
	}
	held := func(while func()) {
		t.Helper()
		unlock, err := s.LockLogin(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		while()
		unlock()
	}
	dies()
	for range 2 { // each of those who waited
		held(func() {
			if other.LoginUnderWay(t.Context(), key) {
				t.Error("who has waited passes for who signs in")
			}
		})
		if !s.LoginDied(t.Context(), key) || !other.LoginDied(t.Context(), key) {
			t.Error("a death was forgotten")
		}
	}
	held(func() {
		if err := s.SetPending(t.Context(), key, Pending{Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if !other.LoginUnderWay(t.Context(), key) || other.LoginDied(t.Context(), key) {
			t.Error("the next login is not seen")
		}
	})
	if s.LoginDied(t.Context(), key) {
		t.Error("a login that has ended counts as dead")
	}
	dies()
	held(func() {})
	if err := other.EndLogin(t.Context(), key); err != nil || s.LoginDied(t.Context(), key) {
		t.Errorf("a logout leaves a death behind: %v", err)
	}
}

// One holder among processes: no count is lost.
func TestLockExcludesProcesses(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	put(t, filepath.Join(base, "count"), []byte("0"))
	done := make(chan error)
	for range 8 {
		cmd := helper(t, "count", filepath.Join(base, "store"), "25")
		go func() { done <- cmd.Run() }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := string(take(t, filepath.Join(base, "count"))); got != "200" {
		t.Errorf("%s of 200", got)
	}
}

// A writer that was stopped in the middle does not stop the others for ever.
func TestStoppedWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile})
		release, ok, err := tryKernelLock(filepath.Join(s.dir, writeLockName))
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		defer release()
		begin := time.Now()
		if err := s.Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited != writeWait {
			t.Errorf("waited %v", waited)
		}
		if _, err := s.Load(t.Context(), keyFor("a")); err != nil {
			t.Errorf("not saved: %v", err)
		}
	})
}
