package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// The index is a convenience: missing, broken, stale or of another version, it
// is made anew from the sealed files.
func TestIndexRebuilt(t *testing.T) {
	t.Parallel()
	ring := newRing()
	o := Options{Dir: t.TempDir(), keyring: ring}
	s := mustOpen(t, o)
	for i, name := range []string{"a", "b", "c"} {
		save(t, s, keyFor(name), i)
	}
	path := filepath.Join(o.Dir, indexName)
	want, err := s.List(t.Context())
	if err != nil || len(want) != 3 {
		t.Fatal(want, err)
	}
	good := take(t, path)
	for name, bad := range map[string][]byte{
		"missing": nil, "empty": {}, "cut": good[:len(good)/2], "rubbish": []byte("rubbish"), "too large": make([]byte, maxFile+1),
		"duplicate member": append([]byte(`{"format":2,`), good[1:]...), "of a newer release": bytes.Replace(bytes.Replace(good, []byte(`"format":2`), []byte(`"format":3`), 1), []byte("account-0"), []byte("account-9"), 1), "without entries": []byte(`{"format":2,"entries":[]}`),
	} {
		must(t, os.Remove(path))
		if bad != nil {
			put(t, path, bad)
		}
		got, err := mustOpen(t, o).List(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if !bytes.Equal(take(t, path), good) {
			t.Errorf("%s: the index was not written again as it was", name)
		}
	}
}

// With a good index no login is read and no keyring asked; one that is behind
// is noticed by the file's size and time.
func TestIndexBehind(t *testing.T) {
	t.Parallel()
	ring := newRing()
	o := Options{Dir: t.TempDir(), keyring: ring}
	s := mustOpen(t, o)
	for i, name := range []string{"a", "b"} {
		save(t, s, keyFor(name), i)
	}
	before := take(t, filepath.Join(o.Dir, indexName))
	gets, _ := ring.calls()
	if _, err := mustOpen(t, o).List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := ring.calls(); now != gets {
		t.Error("the keyring was asked for a list that the index has")
	}
	save(t, s, keyFor("a"), 70000)
	must(t, os.Remove(filepath.Join(o.Dir, keyFor("b").ID()+sealedSuffix)))
	put(t, filepath.Join(o.Dir, indexName), before) // a writer died before it wrote the index
	list, err := mustOpen(t, o).List(t.Context())
	if err != nil || len(list) != 1 || list[0].Account != "account-70000" {
		t.Errorf("%+v %v", list, err)
	}
	if strings.Contains(string(take(t, filepath.Join(o.Dir, indexName))), "b.example") {
		t.Error("the login that is gone is still in the index")
	}
	must(t, os.Remove(filepath.Join(o.Dir, keyFor("a").ID()+sealedSuffix)))
	if list, err := mustOpen(t, o).List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if strings.Contains(string(take(t, filepath.Join(o.Dir, indexName))), "a.example") {
		t.Error("the last login is gone and still in the index")
	}
}

// An entry of a later release, which loses its members here, is read again there: it does
// not keep that release's number.
func TestIndexEntryOfALaterRelease(t *testing.T) {
	s := fileStore(t, t.TempDir())
	save(t, s, keyFor("a"), 1)
	path := filepath.Join(s.dir, indexName)
	good := take(t, path)
	later := bytes.Replace(good, []byte(`[{"format":2,`), []byte(`[{"format":3,"later":true,`), 1)
	if bytes.Equal(later, good) {
		t.Fatalf("no entry with a format: %s", good)
	}
	put(t, path, later)
	save(t, s, keyFor("b"), 2)
	if now := take(t, path); bytes.Contains(now, []byte("later")) || bytes.Count(now, []byte(`{"format":2,"key`)) != 2 {
		t.Errorf("%s", now)
	}
}

// A login that cannot be read is listed with its problem, not left out.
func TestIndexUnreadable(t *testing.T) {
	t.Parallel()
	s, path, ring := sealedStore(t)
	ring.fail(&KeyringError{State: KeyringLocked})
	must(t, os.Remove(filepath.Join(s.dir, indexName)))
	list, err := mustOpen(t, Options{Dir: s.dir, keyring: ring}).List(t.Context())
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Problem, "locked") || list[0].Store != KindKeyring || list[0].ID != keyFor("a").ID() {
		t.Errorf("%+v %v", list, err)
	}
	list, err = fileStore(t, s.dir).List(t.Context())
	if err != nil || len(list) != 1 || list[0].Problem == "" {
		t.Errorf("%+v %v", list, err)
	}
	put(t, path, []byte("rubbish"))
	ring.fail(nil)
	if list, err = s.List(t.Context()); err != nil || len(list) != 1 || !strings.Contains(list[0].Problem, "damaged") {
		t.Errorf("%+v %v", list, err)
	}
}

// Canary secrets are in no file but the credential's own,
// and in that one only when it is the plain one that was chosen; not in the
// log at its highest level, not in notices, errors or any printed form.
func TestSecretsInNoOtherFile(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	cred := oauth.Credential{
		Issuer: "https://issuer.example", Account: "alice",
		AccessToken: grant.NewSecret(canary + "-access"), RefreshToken: grant.NewSecret(canary + "-refresh"), IDToken: grant.NewSecret(canary + "-id"),
		Registration: grant.Registration{ClientID: "client", ClientSecret: grant.NewSecret(canary + "-client")},
	}
	for _, kind := range []Kind{KindKeyring, KindFile, KindAuto, KindPassphrase} {
		var log bytes.Buffer
		var told notices
		ring := newRing()
		s := mustOpen(t, Options{
			Dir: t.TempDir(), Kind: kind, keyring: ring, Notice: told.add, Getenv: environment(passphraseVariable, canary+" in the passphrase"),
			Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 4})),
		})
		must(t, s.Save(t.Context(), keyFor("a"), cred))
		ring.fail(&KeyringError{State: KeyringOther})
		spoken := ""
		unlock := lockLogin(t, s, keyFor("a"))
		must(t, s.SetPending(t.Context(), keyFor("a"), Pending{URL: "https://issuer.example/auth"}))
		seen := grep(t, s.dir, canary)
		unlock()
		for _, suffix := range []string{sealedSuffix, passphraseSuffix, plainSuffix} {
			path := filepath.Join(s.dir, keyFor("a").ID()+suffix)
			if exists(path) {
				put(t, path, append(take(t, path)[:60], canary...))
			}
		}
		_, err := s.Load(t.Context(), keyFor("a"))
		list, _ := s.List(t.Context())
		spoken += fmt.Sprintf("%v %+v %#v %s", err, list, list, &told) + log.String()
		if strings.Contains(spoken, canary) {
			t.Errorf("%s: a secret was said: %s", kind, spoken)
		}
		want := []string(nil)
		if kind == KindFile {
			want = []string{keyFor("a").ID() + plainSuffix}
		}
		if !reflect.DeepEqual(seen, want) {
			t.Errorf("%s: secrets in %v, want %v", kind, seen, want)
		}
		for account, text := range ring.items {
			if secret := strings.TrimSuffix(text, "="); strings.Contains(log.String(), secret) || grep(t, s.dir, secret) != nil {
				t.Errorf("%s: the key of %s is not only in the keyring", kind, account)
			}
		}
	}
}

// grep returns the names of the files below dir that contain text.
func grep(t testing.TB, dir, text string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if strings.HasSuffix(f.Name(), lockSuffix) { // empty; Windows does not let a held one be read
			continue
		}
		if bytes.Contains(take(t, filepath.Join(dir, f.Name())), []byte(text)) {
			names = append(names, f.Name())
		}
	}
	return names
}

// Reading a login for use is noted, at most once a
// minute, and a list shows it; looking at the list is no use.
func TestLastUse(t *testing.T) {
	t.Parallel()
	s, key := fileStore(t, t.TempDir()), keyFor("a")
	unlock := lock(t, s, key)
	save(t, s, key, 1)
	unlock()
	lock, hour := filepath.Join(s.dir, key.ID()+lockSuffix), time.Hour
	listed := func() Entry {
		list, err := s.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0]
	}
	for _, at := range []time.Time{time.Now().Add(-hour), time.Now().Add(hour)} {
		must(t, os.Chtimes(lock, at, at))
		e := listed()
		if want := at.After(e.SavedAt); e.LastUsed.After(e.SavedAt) != want {
			t.Errorf("used at %v, saved at %v, listed %v", at, e.SavedAt, e.LastUsed)
		}
		if now, err := os.Stat(lock); err != nil || now.ModTime().Sub(at).Abs() > time.Second {
			t.Errorf("the list counts as use: %v", err)
		}
		if _, err := s.Load(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(lock); err != nil || time.Since(now.ModTime()).Abs() > hour/2 {
			t.Errorf("a use is not noted: %v", err)
		}
	}
}

// A start looks at the logins that are known, and reads none, however damaged: it does
// not wait for a keyring.
func TestListIndexedReadsNoLogin(t *testing.T) {
	ring, dir := newRing(), t.TempDir()
	s := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring})
	if known, err := s.ListIndexed(t.Context()); len(known) != 0 || err != nil {
		t.Errorf("of an empty store: %+v %v", known, err)
	}
	for _, name := range []string{"a", "b"} {
		must(t, s.Save(t.Context(), keyFor(name), oauth.Credential{Issuer: "https://issuer.example"}))
	}
	path := filepath.Join(dir, keyFor("a").ID()+sealedSuffix)
	put(t, path, append(take(t, path), "behind"...))
	s = mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring})
	ring.fail(&KeyringError{State: KeyringOther})
	known, err := s.ListIndexed(t.Context())
	if len(known) != 2 || err != nil || known[0].Problem+known[1].Problem != "" || known[0].Issuer != "https://issuer.example" {
		t.Errorf("%+v %v", known, err)
	}
	if list, err := s.List(t.Context()); len(list) != 2 || err != nil || list[0].Problem+list[1].Problem == "" {
		t.Errorf("List does not see the damage, the test shows nothing: %+v %v", list, err)
	}
	must(t, os.Remove(filepath.Join(dir, indexName)))
	if known, err := s.ListIndexed(t.Context()); len(known) != 2 || err != nil {
		t.Errorf("without an index: %+v %v", known, err)
	}
}
