package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mcp-login/internal/oauth"
)

// What is detected when an older version of a file comes
// back, from a backup or by somebody's hand, and what is not.
func TestRollback(t *testing.T) {
	t.Parallel()
	s, path, ring := sealedStore(t)
	first := take(t, path)
	save(t, s, keyFor("a"), 2)
	second := take(t, path)

	// The same identity under the same key: not detected. The refresh token in
	// it has been spent, so that the provider refuses it, and one login
	// follows; nobody else's login opens.
	put(t, path, first)
	holds(t, s, keyFor("a"), 1, "the older file of the same identity")
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 || list[0].Account != "account-1" {
		t.Errorf("status believes the index and not the file: %+v %v", list, err)
	}

	// Another identity, though its older file is just as old.
	put(t, filepath.Join(s.dir, keyFor("b").ID()+sealedSuffix), first)
	refused(t, s, keyFor("b"), "the older file of another identity")

	// After a logout it is not there, and a file that comes back opens again:
	// what ends it is the revocation at the provider.
	must(t, s.Delete(t.Context(), keyFor("a")))
	put(t, path, second)
	if _, err := s.Load(t.Context(), keyFor("a")); err != nil {
		t.Errorf("a file that came back after the logout: %v", err)
	}

	// Once the key was replaced no file from before opens.
	ring.empty()
	fresh := mustOpen(t, Options{Dir: s.dir, Kind: KindKeyring, keyring: ring, Notice: func(string, string) {}})
	save(t, fresh, keyFor("c"), 3)
	put(t, path, first)
	if _, err := fresh.Load(t.Context(), keyFor("a")); !errors.Is(err, ErrKeyLost) {
		t.Errorf("a file from before the new key: %v", err)
	}
}

// Where the seal was asked for by name, a file without one is not taken for a
// login, however new it says it is.
func TestNoSealNoLogin(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{KindKeyring, KindPassphrase} {
		dir := t.TempDir()
		o := Options{Dir: dir, Kind: kind, keyring: newRing(), Getenv: environment(passphraseVariable, goodPassphrase)}
		save(t, fileStore(t, dir), keyFor("a"), 9)
		plain := filepath.Join(dir, keyFor("a").ID()+plainSuffix)
		planted := take(t, plain)
		if _, err := mustOpen(t, o).Load(t.Context(), keyFor("a")); !errors.Is(err, oauth.ErrNotFound) {
			t.Errorf("%s: a plain file alone: %v", kind, err)
		}
		must(t, os.Remove(filepath.Join(dir, indexName)))
		if list, err := mustOpen(t, o).List(t.Context()); err != nil || len(list) != 1 || list[0].Problem == "" {
			t.Errorf("%s: status is silent about it: %+v %v", kind, list, err)
		}
		if err := mustOpen(t, o).Save(t.Context(), keyFor("a"), numbered(1)); err != nil || exists(plain) {
			t.Errorf("%s: the plain file outlives a save: %v", kind, err)
		}
		put(t, plain, planted)
		holds(t, mustOpen(t, o), keyFor("a"), 1, kind, "a planted plain file beside the sealed one")
	}
}
