package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

var allStates = []KeyringState{KeyringUnavailable, KeyringLocked, KeyringTimeout, KeyringOther}

// With KindAuto a keyring that fails in any way costs nothing
// but protection at rest; this is said once per directory, and the next save
// with a working keyring moves the login behind it.
func TestKeyringFallback(t *testing.T) {
	t.Parallel()
	for _, state := range allStates {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			var told notices
			ring, key := newRing(), keyFor("a")
			ring.fail(&KeyringError{State: state})
			o := Options{Dir: t.TempDir(), keyring: ring, Notice: told.add}
			plain, sealed := filepath.Join(o.Dir, key.ID()+plainSuffix), filepath.Join(o.Dir, key.ID()+sealedSuffix)
			for range 3 { // three starts
				s := mustOpen(t, o)
				for n := range 2 {
					save(t, s, key, n)
				}
				holds(t, s, key, 1)
			}
			if list := told.all(); len(list) != 1 || !strings.Contains(list[0], string(state)) || !strings.Contains(list[0], "plain files") {
				t.Errorf("told: %v", &told)
			}
			if !exists(plain) || exists(sealed) {
				t.Error("not one plain file")
			}
			if kind, err, failed := mustOpen(t, o).Probe(t.Context()); kind != KindFile || keyringState(err) != state || failed != nil {
				t.Errorf("ready for %s: %v", kind, err)
			}
			ring.fail(nil)
			s := mustOpen(t, o)
			if kind, fallback, err := s.Probe(t.Context()); kind != KindKeyring || fallback != nil || err != nil {
				t.Errorf("ready for %s: %v", kind, err)
			}
			holds(t, s, key, 1, "the login that the fallback saved")
			save(t, s, key, 5)
			if exists(plain) || !exists(sealed) {
				t.Error("not moved behind the keyring")
			}
			holds(t, mustOpen(t, o), key, 5)
		})
	}
}

// A keyring that was chosen by name is not replaced behind the person's back;
// under the lock Load says so before anybody signs in.
func TestExplicitKeyringFails(t *testing.T) {
	t.Parallel()
	for _, state := range allStates {
		ring, key := newRing(), keyFor("a")
		ring.fail(&KeyringError{State: state, Err: errors.New("because")})
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: ring, Notice: func(m, _ string) { t.Errorf("notice: %s", m) }})
		err := s.Save(t.Context(), key, numbered(1))
		if keyringState(err) != state || hint.Of(err) == "" {
			t.Errorf("%s: %v", state, err)
		}
		if kind, fallback, err := s.Probe(t.Context()); kind != KindKeyring || fallback != nil || keyringState(err) != state {
			t.Errorf("%s: ready for %s: %v", state, kind, err)
		}
		if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%s: kept all the same: %v %v", state, list, err)
		}
		fails(t, s, key, oauth.ErrNotFound, state, "a look without the lock")
		unlock := lock(t, s, key)
		if _, err := s.Load(t.Context(), key); keyringState(err) != state || errors.Is(err, oauth.ErrNotFound) {
			t.Errorf("%s: a look before a login: %v", state, err)
		}
		unlock()
	}
}

// A sealed login behind a keyring that can be unlocked is not given up: the
// error is not oauth.ErrNotFound, so that nobody signs in again. Behind one
// that is not there it is.
func TestSealedWithoutKeyring(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{KindAuto, KindKeyring} {
		for _, state := range allStates {
			ring := newRing()
			o := Options{Dir: t.TempDir(), Kind: kind, keyring: ring, Notice: func(string, string) {}}
			save(t, mustOpen(t, o), keyFor("a"), 1)
			ring.fail(&KeyringError{State: state})
			_, err := mustOpen(t, o).Load(t.Context(), keyFor("a"))
			again := kind == KindAuto && state == KeyringUnavailable
			if keyringState(err) != state || errors.Is(err, oauth.ErrNotFound) != again {
				t.Errorf("%s, %s: %v", kind, state, err)
			}
			ring.fail(nil)
			holds(t, mustOpen(t, o), keyFor("a"), 1, kind, "after", state)
		}
	}
}

// A clear message, one new login, never a crash.
func TestLostKeyCostsOneLogin(t *testing.T) {
	t.Parallel()
	var told notices
	ring, key := newRing(), keyFor("a")
	o := Options{Dir: t.TempDir(), keyring: ring, Notice: told.add}
	running := mustOpen(t, o) // has the first key in memory all along
	for _, name := range []string{"a", "b"} {
		save(t, running, keyFor(name), 1)
	}
	ring.empty()
	s := mustOpen(t, o)
	if _, err := s.Load(t.Context(), key); !errors.Is(err, ErrKeyLost) || !errors.Is(err, oauth.ErrNotFound) {
		t.Fatalf("the key is gone: %v", err)
	}
	if list := told.all(); len(list) != 1 || !strings.Contains(list[0], "sign-in") {
		t.Errorf("told: %v", &told)
	}
	save(t, s, key, 2)
	fails(t, s, keyFor("b"), ErrKeyLost, "sealed with the first key")
	// The other process sees the new key, both to read and to write.
	holds(t, running, key, 2, "a process with the first key in memory")
	save(t, running, key, 3)
	holds(t, mustOpen(t, o), key, 3, "saved by it")
}

// An item that is no key, whoever put it there, counts as a lost one.
func TestKeyringItemIsNoKey(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"", "not base64!", "c2hvcnQ="} {
		s, _, ring := sealedStore(t)
		must(t, ring.Set(keyringService, s.account, item))
		fresh := mustOpen(t, Options{Dir: s.dir, keyring: ring, Notice: func(string, string) {}})
		fails(t, fresh, keyFor("a"), ErrKeyLost, item)
		if err := fresh.Save(t.Context(), keyFor("a"), numbered(2)); err != nil {
			t.Errorf("%q: %v", item, err)
		}
	}
}

// forgetful accepts a key and does not keep it, as macOS' security in its
// interactive mode can; panicking is a library that does not survive a lost bus.
type (
	forgetful struct{ *ringMemory }
	panicking struct{ keyringBackend }
)

func (forgetful) Set(string, string, string) error   { return nil }
func (panicking) Get(string, string) (string, error) { panic("nil signal") }

func TestKeyringOfNoUse(t *testing.T) {
	t.Parallel()
	for _, bad := range []keyringBackend{forgetful{newRing()}, panicking{}} {
		err := keyringStoreAt(t, t.TempDir(), bad).Save(t.Context(), keyFor("a"), numbered(1))
		if _, panics := bad.(panicking); keyringState(err) == "" || panics && keyringState(err) != KeyringOther {
			t.Errorf("%T: sealed with a key that is kept nowhere: %v", bad, err)
		}
	}
}

// A keyring that hangs is given 3 s, once;
// while it hangs further calls do not wait, and when it answers it is used.
func TestKeyringHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ring := newRing()
		ring.gate = make(chan struct{})
		var told notices
		s := mustOpen(t, Options{Dir: t.TempDir(), keyring: ring, Notice: told.add})
		begin := time.Now()
		save(t, s, keyFor("a"), 1)
		if waited := time.Since(begin); waited != 3*time.Second {
			t.Errorf("the first save waited %v", waited)
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := s.Save(t.Context(), keyFor("a"), numbered(2)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		// The writers wait for each other, in steps of lockPause, not for the keyring.
		if waited := time.Since(begin); waited >= 4*time.Second {
			t.Errorf("ten more saves waited %v", waited-3*time.Second)
		}
		if list := told.all(); len(list) != 1 || !strings.Contains(list[0], string(KeyringTimeout)) {
			t.Errorf("told: %v", &told)
		}
		close(ring.gate)
		synctest.Wait()
		if err := s.Save(t.Context(), keyFor("a"), numbered(3)); err != nil || !strings.Contains(s.Describe(keyFor("a")), "encrypted") {
			t.Errorf("after it answered: %v", err)
		}
		if gets, _ := ring.calls(); gets > 4 {
			t.Errorf("%d calls were piled up", gets)
		}
	})
}

// A caller who gives up early is no proof that the keyring hangs.
func TestKeyringCallAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ring := newRing()
		ring.gate = make(chan struct{})
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: ring})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Save(ctx, keyFor("a"), numbered(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.AfterFunc(time.Second, func() { close(ring.gate) })
		if err := s.Save(t.Context(), keyFor("a"), numbered(2)); err != nil {
			t.Errorf("the next caller: %v", err)
		}
	})
}

// A write of the key that is overdue may still happen: until it has, nobody
// else may create one, or it would be overwritten after its first use.
func TestOverdueWriteKeepsTheKeyLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ring := newRing()
		ring.gate, ring.gateSet = make(chan struct{}), true
		s := mustOpen(t, Options{Dir: t.TempDir(), keyring: ring, Notice: func(string, string) {}})
		save(t, s, keyFor("a"), 1)
		lock := filepath.Join(s.dir, keyLockName)
		if _, free, err := tryKernelLock(lock); free || err != nil {
			t.Errorf("free while the write is under way: %v %v", free, err)
		}
		other := mustOpen(t, Options{Dir: s.dir, Kind: KindKeyring, keyring: ring})
		if err := other.Save(t.Context(), keyFor("b"), numbered(1)); keyringState(err) != KeyringTimeout {
			t.Errorf("another process: %v", err)
		}
		close(ring.gate)
		synctest.Wait()
		release, free, err := tryKernelLock(lock)
		if !free || err != nil {
			t.Fatalf("not free afterwards: %v %v", free, err)
		}
		release()
	})
}
