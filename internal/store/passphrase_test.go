package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

const goodPassphrase = "correct horse battery staple"

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func passphraseStore(t testing.TB, dir string, pairs ...string) *Store {
	t.Helper()
	return mustOpen(t, Options{Dir: dir, Kind: KindPassphrase, Getenv: environment(pairs...), Notice: func(string, string) {}})
}

// A store for servers without a keyring, the same suite.
func TestPassphraseStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "er")
	s := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
	// The suite opens a store for each of many small steps; deriving the key
	// each time would only make it slow. Other tests open fresh ones.
	testStore(t, func(t testing.TB) *Store {
		again := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
		again.keyring = s.keyring
		return again
	})
	fresh := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
	if _, err := fresh.Load(t.Context(), keyFor("savers")); err != nil {
		t.Errorf("a new process: %v", err)
	}
	if got := fresh.Describe(keyFor("savers")); !strings.Contains(got, "passphrase") {
		t.Errorf("kept in %s", got)
	}
}

// The passphrase comes from the variable, or else the file that another one
// names, as container systems hand secrets in: a link to a file of mode 0444.
func TestPassphraseSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, passphraseStore(t, dir, passphraseVariable, goodPassphrase), keyFor("a"), 1)
	file, link := filepath.Join(t.TempDir(), "secret"), filepath.Join(t.TempDir(), "link")
	for _, end := range []string{"", "\n", "\r\n"} {
		put(t, file, []byte(goodPassphrase+end))
		got, err := passphraseStore(t, dir, passphraseFileVariable, file).Load(t.Context(), keyFor("a"))
		if err != nil || numberOf(t, got) != 1 {
			t.Errorf("file with %q at its end: %v", end, err)
		}
	}
	_ = os.Symlink(file, link)
	if _, err := os.Stat(link); err == nil { // not everywhere on Windows
		holds(t, passphraseStore(t, dir, passphraseFileVariable, link), keyFor("a"), 1, "through a link")
	}
	put(t, file, []byte("something else entirely"))
	holds(t, passphraseStore(t, dir, passphraseVariable, goodPassphrase, passphraseFileVariable, file), keyFor("a"), 1, "the variable before the file")
}

// A missing, short or wrong passphrase is an error with a next step, never a
// new login and never a plain file; it is known before a person signs in.
func TestPassphraseRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, passphraseStore(t, dir, passphraseVariable, goodPassphrase), keyFor("a"), 1)
	before := take(t, filepath.Join(dir, keyFor("a").ID()+passphraseSuffix))
	big := filepath.Join(t.TempDir(), "big")
	put(t, big, make([]byte, maxPassphrase+1))
	for what, pairs := range map[string][]string{
		"none":           nil,
		"short":          {passphraseVariable, "1234567"},
		"wrong":          {passphraseVariable, "correct horse battery stable"},
		"no such file":   {passphraseFileVariable, filepath.Join(dir, "none")},
		"a directory":    {passphraseFileVariable, dir},
		"too large":      {passphraseFileVariable, big},
		"empty variable": {passphraseVariable, "", passphraseFileVariable, ""},
	} {
		s := passphraseStore(t, dir, pairs...)
		_, load := s.Load(t.Context(), keyFor("a"))
		save := s.Save(t.Context(), keyFor("a"), numbered(2))
		unlock := lock(t, s, keyFor("new"))
		_, early := s.Load(t.Context(), keyFor("new"))
		unlock()
		for _, err := range []error{load, save, early} {
			if !errors.Is(err, ErrPassphrase) || errors.Is(err, oauth.ErrNotFound) || hint.Of(err) == "" {
				t.Errorf("%s: %v", what, err)
			} else if strings.Contains(err.Error()+hint.Of(err), "horse") || strings.Contains(err.Error()+hint.Of(err), "1234567") {
				t.Errorf("%s: the message shows it: %v", what, err)
			}
		}
	}
	for passphrase, want := range map[string]bool{"1234567": false, "12345678": true} {
		if err := passphraseStore(t, t.TempDir(), passphraseVariable, passphrase).Save(t.Context(), keyFor("a"), numbered(1)); (err == nil) != want {
			t.Errorf("a new store with %d characters: %v", len(passphrase), err)
		}
	}
	if !bytes.Equal(before, take(t, filepath.Join(dir, keyFor("a").ID()+passphraseSuffix))) {
		t.Error("a stored login was replaced")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+plainSuffix)); len(files) != 0 {
		t.Errorf("in the clear: %v", files)
	}
}

// A process whose passphrase file is put right needs no new start.
func TestPassphraseCorrected(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	put(t, file, []byte(goodPassphrase))
	save(t, passphraseStore(t, dir, passphraseFileVariable, file), keyFor("a"), 1)
	put(t, file, []byte("not the right one"))
	s := passphraseStore(t, dir, passphraseFileVariable, file)
	if _, err := s.Load(t.Context(), keyFor("a")); !errors.Is(err, ErrPassphrase) {
		t.Fatal(err)
	}
	put(t, file, []byte(goodPassphrase))
	holds(t, s, keyFor("a"), 1)
}

// Every byte of the key file: changed, it opens nothing and crashes nothing;
// gone or no key at all, a new login makes a new one.
func TestPassphraseKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
	save(t, first, keyFor("a"), 1)
	path := filepath.Join(dir, passphraseKeyName)
	good := take(t, path)
	if bytes.Contains(good, first.key.secret[:]) {
		t.Error("the key is in the clear")
	}
	// A step of 7 reaches header, salt, nonce, text and tag; each derivation
	// of a salt that is not the cached one takes its time.
	for i := 0; i < len(good); i += 7 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		put(t, path, bad)
		s := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
		if _, err := s.Load(t.Context(), keyFor("a")); !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrKeyLost) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	put(t, path, []byte("mcp-login passphrase key 2\n..."))
	if _, err := passphraseStore(t, dir, passphraseVariable, goodPassphrase).Load(t.Context(), keyFor("a")); !errors.Is(err, ErrNewer) || errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("of a newer release: %v", err)
	}
	for what, content := range map[string][]byte{"empty": {}, "rubbish": []byte("rubbish"), "cut": good[:len(wrapHeader)+3]} {
		put(t, path, content)
		s := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
		fails(t, s, keyFor("a"), ErrKeyLost, what)
	}
	s := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
	save(t, s, keyFor("a"), 2)
	holds(t, passphraseStore(t, dir, passphraseVariable, goodPassphrase), keyFor("a"), 2, "after a new key")
}

// A sealed file of one kind is not taken for one of another, and a directory
// can be moved: the key file goes with it.
func TestPassphraseKindsApart(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), keyFor("a").ID()
	ring := newRing()
	keyringStore := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring, Notice: func(string, string) {}})
	save(t, keyringStore, keyFor("a"), 1)
	sealed := take(t, filepath.Join(dir, id+sealedSuffix))
	s := passphraseStore(t, dir, passphraseVariable, goodPassphrase)
	fails(t, s, keyFor("a"), oauth.ErrNotFound, "the login behind the keyring")
	save(t, s, keyFor("a"), 2)
	if exists(filepath.Join(dir, id+sealedSuffix)) {
		t.Error("the older form is still there")
	}
	mine := filepath.Join(dir, id+passphraseSuffix)
	good := take(t, mine)
	put(t, mine, sealed)
	fails(t, s, keyFor("a"), ErrKeyLost, "a file of the keyring's")
	put(t, mine, good)
	list, err := keyringStore.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Store != KindPassphrase {
		t.Errorf("status with another store: %+v %v", list, err)
	}
	must(t, os.Remove(filepath.Join(dir, indexName)))
	if list, err := keyringStore.List(t.Context()); err != nil || len(list) != 1 || !strings.Contains(list[0].Problem, "--store passphrase") {
		t.Errorf("without an index: %+v %v", list, err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Skipf("cannot be moved here: %v", err)
	}
	holds(t, passphraseStore(t, moved, passphraseVariable, goodPassphrase), keyFor("a"), 2, "in a moved directory")
	if err := keyringStoreAt(t, moved, ring).Delete(t.Context(), keyFor("a")); err != nil || exists(filepath.Join(moved, id+passphraseSuffix)) {
		t.Errorf("logout with another store leaves it: %v", err)
	}
}

func keyringStoreAt(t testing.TB, dir string, ring keyringBackend) *Store {
	t.Helper()
	return mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring, Notice: func(string, string) {}})
}
