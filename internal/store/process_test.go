package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
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
	for i, p := range startTogether(t, processes, func(i int) *exec.Cmd {
		return helper(t, "save", dir, "keyring", ring, fmt.Sprint("p", i), strconv.Itoa(i))
	}) {
		if err := p.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	s, err := helperOpen(dir, "keyring", ring)
	must(t, err)
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

// A saver is killed at random moments. What was reported
// as saved is there, whole; nothing is left behind that the next save does not
// remove.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	kills := rounds(200)
	for _, kind := range []string{"keyring", "file"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir, ring := filepath.Join(t.TempDir(), "store"), t.TempDir()
			next, litter := 1, 0
			for range kills / 2 {
				p := start(t, helper(t, "churn", dir, kind, ring, strconv.Itoa(next)))
				saved := next
				for _, line := range p.killAfter(rand.N(5 * time.Millisecond)) {
					n, err := strconv.Atoi(line)
					if err == nil {
						saved = n
					}
				}
				s, err := helperOpen(dir, kind, ring)
				must(t, err)
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
			must(t, err)
			save(t, s, keyFor("churn"), next)
			if left, _ := filepath.Glob(filepath.Join(dir, "*"+tempSuffix)); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			t.Logf("%d kills, %d temporary files left by them and removed since", kills/2, litter)
		})
	}
}

// Only litter goes: a temporary file that may be in use, and files of others,
// stay.
func TestStaleTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "store"), Kind: KindFile})
	must(t, ensureDirectory(s.dir))
	id, random := keyFor("a").ID(), strings.Repeat("0", tempRandom)
	old := []string{id + plainSuffix + "." + random + tempSuffix, indexName + "." + random + tempSuffix}
	keep := []string{"letter." + random + tempSuffix, id + plainSuffix + tempSuffix, id + ".other." + random + tempSuffix, id + sealedSuffix + "." + strings.Repeat("g", tempRandom) + tempSuffix}
	fresh := id + sealedSuffix + "." + random + tempSuffix
	for _, name := range append(append([]string{fresh}, old...), keep...) {
		put(t, filepath.Join(s.dir, name), nil)
		if age := time.Now().Add(-2 * staleTempAge); name != fresh {
			must(t, os.Chtimes(filepath.Join(s.dir, name), age, age))
		}
	}
	save(t, s, keyFor("b"), 1)
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
	kills := rounds(50)
	longest := time.Duration(0)
	for range kills {
		p := start(t, helper(t, "hold", dir, "file", "os"))
		s := fileStore(t, dir)
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
	t.Logf("MEASURED %d holders killed, the lock taken after at most %v", kills, longest.Round(time.Microsecond))
}

// Whoever waited for a login learns that its process died, until somebody signs in
// or ends that: and who has only waited does not pass for somebody who signs in.
func TestLoginDied(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), keyFor("held")
	s, other := fileStore(t, dir), fileStore(t, dir)
	dies := func() {
		t.Helper()
		p := start(t, helper(t, "hold", dir, "file", "os"))
		if s.LoginDied(t.Context(), key) || !s.LoginUnderWay(t.Context(), key) {
			t.Error("one that lives has died, or is not seen")
		}
		p.kill()
		if !exists(filepath.Join(dir, key.ID()+pendingSuffix)) {
			t.Fatal("the killed process has left no record, the test shows nothing")
		}
	}
	held := func(while func()) {
		t.Helper()
		unlock := lockLogin(t, s, key)
		while()
		unlock()
	}
	dies()
	for range 2 { // each of those who waited
		held(func() {
			if other.LoginUnderWay(t.Context(), key) {
				t.Error("who has waited passes for who signs in")
			}
			if p, ok, err := s.Pending(t.Context(), key); ok || err != nil {
				t.Errorf("the record of the dead passes for ours: %+v %v", p, err)
			}
		})
		if !s.LoginDied(t.Context(), key) || !other.LoginDied(t.Context(), key) {
			t.Error("a death was forgotten")
		}
	}
	held(func() {
		must(t, s.SetPending(t.Context(), key, Pending{Started: time.Now()}))
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

// A writer that was stopped in the middle does not stop the others for ever.
func TestStoppedWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := fileStore(t, t.TempDir())
		release, ok, err := tryKernelLock(filepath.Join(s.dir, writeLockName))
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		defer release()
		begin := time.Now()
		save(t, s, keyFor("a"), 1)
		if waited := time.Since(begin); waited != writeWait {
			t.Errorf("waited %v", waited)
		}
		holds(t, s, keyFor("a"), 1, "not saved")
	})
}
