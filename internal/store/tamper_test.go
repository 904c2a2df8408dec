package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mcp-login/internal/oauth"
)

// refused checks that a file is not believed: no credential comes out, and the
// error leads to a new login, or says that a newer release wrote the file.
func refused(t *testing.T, s *Store, key oauth.Key, what string, args ...any) {
	t.Helper()
	cred, err := s.Load(t.Context(), key)
	if err == nil || cred.HasToken() {
		t.Fatalf("accepted: "+what, args...)
	}
	if !errors.Is(err, oauth.ErrNotFound) && !errors.Is(err, ErrNewer) {
		t.Fatalf(what+": %v", append(args, err)...)
	}
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path, data, 0o600))
}

func take(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// sealedStore has one login, key "a", number 1.
func sealedStore(t testing.TB) (s *Store, path string, ring *ringMemory) {
	t.Helper()
	ring = newRing()
	s = mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: ring})
	save(t, s, keyFor("a"), 1)
	return s, filepath.Join(s.dir, keyFor("a").ID()+sealedSuffix), ring
}

// Whatever is changed in a sealed file, at any place, it does not open.
func TestSealedDamaged(t *testing.T) {
	t.Parallel()
	s, path, _ := sealedStore(t)
	good := take(t, path)
	unopened := func(bad []byte, what string, args ...any) {
		t.Helper()
		if _, err := s.openSealed(t.Context(), keyFor("a").ID(), bad); !errors.Is(err, oauth.ErrNotFound) && !errors.Is(err, ErrNewer) {
			t.Fatalf(what+": %v", append(args, err)...)
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			unopened(bad, "bit %d of byte %d of %d", bit, i, len(good))
		}
		unopened(good[:i], "cut to %d bytes", i)
	}
	put(t, path, good[:len(good)/2])
	refused(t, s, keyFor("a"), "half a file")
	for what, bad := range map[string][]byte{"one byte longer": append(slices.Clone(good), 0), "larger than any credential": make([]byte, maxFile+1)} {
		put(t, path, bad)
		refused(t, s, keyFor("a"), what)
	}
	put(t, path, []byte("mcp-login sealed 2\nsomething new"))
	if _, err := s.Load(t.Context(), keyFor("a")); !errors.Is(err, ErrNewer) || errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("a file of a newer release: %v", err)
	}
	put(t, path, good)
	holds(t, s, keyFor("a"), 1, "the unchanged file")
}

// A file that was moved to another identity, or to another kind, is refused.
func TestSealedSwapped(t *testing.T) {
	t.Parallel()
	s, path, ring := sealedStore(t)
	save(t, s, keyFor("b"), 2)
	other := filepath.Join(s.dir, keyFor("b").ID()+sealedSuffix)
	a, b := take(t, path), take(t, other)
	put(t, path, b)
	put(t, other, a)
	refused(t, s, keyFor("a"), "the file of b under a")
	refused(t, s, keyFor("b"), "the file of a under b")
	put(t, filepath.Join(s.dir, keyFor("c").ID()+plainSuffix), a)
	refused(t, s, keyFor("c"), "a sealed file as a plain one")

	// The same identity in another directory has another key.
	elsewhere := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: ring})
	save(t, elsewhere, keyFor("b"), 3)
	put(t, filepath.Join(elsewhere.dir, keyFor("a").ID()+sealedSuffix), a)
	refused(t, elsewhere, keyFor("a"), "a file of another directory")
}

// What a sealed file is bound to, each part on its own: a record that names
// its identity inside would hide a missing one.
func TestAdditionalData(t *testing.T) {
	t.Parallel()
	id, other := keyFor("a").ID(), keyFor("b").ID()
	k := newSealingKey(KindKeyring, bytes.Repeat([]byte{7}, keyLength))
	file, err := seal(k, id, []byte("text"))
	must(t, err)
	if got, err := open(k, id, file); err != nil || string(got) != "text" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := open(k, other, file); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another identity: %v", err)
	}
	renamed := *k
	renamed.id[0]++
	if _, err := open(&renamed, id, file); !errors.Is(err, ErrDamaged) {
		t.Errorf("with another key id: %v", err)
	}
	for what, ad := range map[string]string{
		"format": "mcp-login sealed 2\nkeyring\n", "kind": sealedHeader + "passphrase\n", "nothing": "",
	} {
		gcm, err := newGCM(k.secret[:])
		must(t, err)
		forged := slices.Concat([]byte(sealedHeader), k.id[:], gcm.Seal(nil, nil, []byte("text"), slices.Concat([]byte(ad), k.id[:], []byte(id))))
		if _, err := open(k, id, forged); !errors.Is(err, ErrDamaged) {
			t.Errorf("sealed for another %s: %v", what, err)
		}
	}
	again, err := seal(k, id, []byte("text"))
	if err != nil || bytes.Equal(file, again) {
		t.Error("the same text is sealed alike twice: no fresh nonce")
	}
}

// A login that another process moves between the keyring and a plain file, at
// the worst moment, is there all the same.
func TestFoundWhileMoved(t *testing.T) {
	t.Parallel()
	o, key := Options{Dir: t.TempDir(), keyring: newRing()}, keyFor("a")
	plain, sealed := fileStore(t, o.Dir), mustOpen(t, o)
	save(t, sealed, key, 1)
	reader := mustOpen(t, o)
	moves := 0
	reader.betweenReads = func() {
		if moves++; moves == 1 {
			if err := plain.Save(t.Context(), key, numbered(2)); err != nil {
				t.Error(err)
			}
		}
	}
	holds(t, reader, key, 2)
}

func TestPlainDamaged(t *testing.T) {
	t.Parallel()
	s := fileStore(t, t.TempDir())
	for i, name := range []string{"a", "b"} {
		save(t, s, keyFor(name), i)
	}
	path := filepath.Join(s.dir, keyFor("a").ID()+plainSuffix)
	good := take(t, path)
	for n := range good {
		put(t, path, good[:n])
		refused(t, s, keyFor("a"), "cut to %d bytes", n)
	}
	put(t, path, take(t, filepath.Join(s.dir, keyFor("b").ID()+plainSuffix)))
	refused(t, s, keyFor("a"), "the file of b under a")
	put(t, path, slices.Replace(slices.Clone(good), 0, 1, []byte(`{"format":1,`)...))
	refused(t, s, keyFor("a"), "a member given twice")
	put(t, path, []byte(`{"format":9}`))
	fails(t, s, keyFor("a"), ErrNewer, "a file of a newer release")
	put(t, path, good)
	holds(t, s, keyFor("a"), 0, "the unchanged file")
}

// A damaged login is told once, and the next save replaces it.
func TestDamagedIsReplaced(t *testing.T) {
	t.Parallel()
	var told notices
	ring := newRing()
	s := mustOpen(t, Options{Dir: t.TempDir(), keyring: ring, Notice: told.add})
	save(t, s, keyFor("a"), 1)
	put(t, filepath.Join(s.dir, keyFor("a").ID()+sealedSuffix), []byte("rubbish"))
	for range 2 {
		if _, err := s.Load(t.Context(), keyFor("a")); !errors.Is(err, ErrDamaged) || !errors.Is(err, oauth.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if len(told.all()) != 1 {
		t.Errorf("told: %v", &told)
	}
	save(t, s, keyFor("a"), 2)
	holds(t, s, keyFor("a"), 2)
}

// A writer died between writing one kind of file and removing
// the other. The later credential counts, because the refresh token of the
// earlier one may have been spent.
func TestLaterOfTwoFiles(t *testing.T) {
	t.Parallel()
	key, ring := keyFor("a"), newRing()
	dir := t.TempDir()
	plain := fileStore(t, dir)
	auto := mustOpen(t, Options{Dir: dir, keyring: ring})
	files := map[string]string{"plain": filepath.Join(dir, key.ID()+plainSuffix), "sealed": filepath.Join(dir, key.ID()+sealedSuffix)}
	savers := map[string]*Store{"plain": plain, "sealed": auto}
	for _, order := range [][]string{{"plain", "sealed"}, {"sealed", "plain"}} {
		save(t, savers[order[0]], key, 1)
		earlier := take(t, files[order[0]])
		save(t, savers[order[1]], key, 2)
		if exists(files[order[0]]) {
			t.Fatalf("the %s file is still there after a save of the other kind", order[0])
		}
		put(t, files[order[0]], earlier)
		holds(t, auto, key, 2, order)
		list, err := auto.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Account != "account-2" {
			t.Errorf("%v: %+v %v", order, list, err)
		}
		if err := auto.Delete(t.Context(), key); err != nil || exists(files["plain"]) || exists(files["sealed"]) {
			t.Errorf("delete leaves a file: %v", err)
		}
	}
}

func FuzzStoredFile(f *testing.F) {
	k := newSealingKey(KindKeyring, make([]byte, keyLength))
	plain, err := encodeRecord(keyFor("a"), numbered(1), numbered(1).Expiry)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := seal(k, keyFor("a").ID(), plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add(sealed)
	f.Add([]byte(sealedPrefix + "12\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeRecord(b, keyFor("a").ID())
		if _, err := sealedKeyID(b); err == nil {
			_, _ = open(k, keyFor("a").ID(), b)
		}
	})
}

// What is detected when an older version of a file comes
// back, from a backup or by somebody's hand, and what is not.
func TestOlderFileOpensOnlyWithItsIdentityAndKey(t *testing.T) {
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
	holds(t, s, keyFor("a"), 2, "a file that came back after the logout")

	// Once the key was replaced no file from before opens.
	ring.empty()
	fresh := mustOpen(t, Options{Dir: s.dir, Kind: KindKeyring, keyring: ring, Notice: func(string, string) {}})
	save(t, fresh, keyFor("c"), 3)
	put(t, path, first)
	fails(t, fresh, keyFor("a"), ErrKeyLost, "a file from before the new key")
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
		fails(t, mustOpen(t, o), keyFor("a"), oauth.ErrNotFound, kind, "a plain file alone")
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
