package store

import (
	"path/filepath"
	"testing"
	"testing/synctest"
)

// removed signs out of what removes is about, deletes the key and removes the directory.
func removed(t *testing.T, s *Store) (key bool, left []string) {
	t.Helper()
	must(t, s.Delete(t.Context(), keyFor("a")))
	key, err := s.DeleteKey(t.Context())
	must(t, err)
	left, err = s.RemoveDirectory(t.Context())
	must(t, err)
	return key, left
}

// Behind a store nothing stays: its key, its directory; once more is fine.
func TestRemovalLeavesNothing(t *testing.T) {
	t.Parallel()
	ring := newRing()
	dir := filepath.Join(t.TempDir(), "odd [name]", "store")
	s := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring})
	if s.MayHaveKey() {
		t.Error("a key is expected of a store that was never used")
	}
	save(t, s, keyFor("a"), 1)
	must(t, s.SaveCache(t.Context(), keyFor("b"), "probe", []byte("x")))
	if _, err := s.RemoveDirectory(t.Context()); err == nil || !exists(filepath.Join(dir, keyFor("a").ID()+sealedSuffix)) {
		t.Errorf("a directory with a login is removed: %v", err)
	}
	if !s.MayHaveKey() {
		t.Error("no key is expected")
	}
	if key, left := removed(t, s); !key || len(left) > 0 || len(ring.items) > 0 || exists(dir) {
		t.Errorf("key deleted: %v, left %q, in the keyring %d", key, left, len(ring.items))
	}
	if key, left := removed(t, s); key || len(left) > 0 || exists(dir) {
		t.Errorf("once more: key deleted: %v, left %q", key, left)
	}
}

// The key stays while the keyring does not take it, and whoever asks is told so.
func TestRemovalSaysThatTheKeyStays(t *testing.T) {
	t.Parallel()
	ring := newRing()
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "store"), Kind: KindKeyring, keyring: ring})
	save(t, s, keyFor("a"), 1)
	must(t, s.Delete(t.Context(), keyFor("a")))
	for _, state := range []KeyringState{KeyringLocked, KeyringTimeout, KeyringUnavailable} {
		ring.fail(&KeyringError{State: state})
		if deleted, err := s.DeleteKey(t.Context()); deleted || keyringState(err) != state {
			t.Errorf("%s: deleted: %v, %v", state, deleted, err)
		}
	}
	ring.fail(nil)
	if deleted, err := s.DeleteKey(t.Context()); !deleted || err != nil {
		t.Error(deleted, err)
	}
}

// Where no key can be, no keyring is asked: one that is locked would ask a person.
func TestRemovalAsksNoKeyringWithoutNeed(t *testing.T) {
	t.Parallel()
	ring := newRing()
	ring.fail(&KeyringError{State: KeyringLocked})
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "store"), keyring: ring, Notice: func(string, string) {}})
	save(t, s, keyFor("a"), 1) // into a plain file
	if key, left := removed(t, s); key || len(left) > 0 {
		t.Errorf("key deleted: %v, left %q", key, left)
	}
}

// A key of the OS keyring is known of beside logins that have a passphrase, and these alone
// need no keyring.
func TestRemovalTellsKeysApart(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		ring, dir := newRing(), filepath.Join(t.TempDir(), "store")
		s := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring})
		if both {
			save(t, s, keyFor("a"), 1)
			must(t, s.Delete(t.Context(), keyFor("a")))
		}
		other := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
		save(t, other, keyFor("b"), 1)
		must(t, other.Delete(t.Context(), keyFor("b")))
		if s.MayHaveKey() != both {
			t.Errorf("a key is expected: %v, and there is one: %v", !both, both)
		}
		if key, left := removed(t, s); key != both || len(ring.items) > 0 || len(left) > 0 || exists(dir) {
			t.Errorf("key deleted: %v, left %q, in the keyring %d", key, left, len(ring.items))
		}
	}
}

// A sign-in under way ends, and one whose process does not listen keeps nothing from being
// removed.
func TestRemovalEndsSignIns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	synctest.Test(t, func(t *testing.T) {
		s, other := mustOpen(t, Options{Dir: dir, Kind: KindFile}), mustOpen(t, Options{Dir: dir, Kind: KindFile})
		release, err := other.LockLogin(t.Context(), keyFor("a"), nil)
		must(t, err)
		defer release()
		must(t, other.SetPending(t.Context(), keyFor("a"), Pending{URL: "http://127.0.0.1/"}))
		left, err := s.RemoveDirectory(t.Context())
		if err != nil || len(left) > 0 || exists(dir) || other.Permitted(keyFor("a")) {
			t.Errorf("left %q, %v; the sign-in goes on: %v", left, err, other.Permitted(keyFor("a")))
		}
	})
}

// A sign-in that comes to its end while it is told to end leaves a login, which stays.
func TestRemovalKeepsALoginThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	synctest.Test(t, func(t *testing.T) {
		s, other := mustOpen(t, Options{Dir: dir, Kind: KindFile}), mustOpen(t, Options{Dir: dir, Kind: KindFile})
		release, err := other.LockLogin(t.Context(), keyFor("a"), nil)
		must(t, err)
		must(t, other.SetPending(t.Context(), keyFor("a"), Pending{URL: "http://127.0.0.1/"}))
		go func() {
			synctest.Wait() // the removal waits for this sign-in
			if other.Permitted(keyFor("a")) {
				t.Error("the sign-in was not told to end")
			}
			save(t, other, keyFor("a"), 1)
			release()
		}()
		if _, err := s.RemoveDirectory(t.Context()); err == nil {
			t.Error("a directory with a login is removed")
		}
		if _, err := s.Load(t.Context(), keyFor("a")); err != nil {
			t.Error(err)
		}
	})
}
