package store

import (
	"errors"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	testStore(t, func(t testing.TB) *Store { return mustOpen(t, Options{Kind: KindMemory}) })
}

func TestFileStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "er")
	testStore(t, func(t testing.TB) *Store { return fileStore(t, dir) })
}

func TestSealedStore(t *testing.T) {
	t.Parallel()
	dir, ring := filepath.Join(t.TempDir(), "deep", "er"), newRing()
	testStore(t, func(t testing.TB) *Store { return mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring}) })
	if _, sets := ring.calls(); sets != 1 {
		t.Errorf("%d keys were made for one directory", sets)
	}
}

// The store over go-keyring itself, with that package's keyring in memory. It
// is process-global and not safe for concurrent use, so the test is not
// parallel and all stores share one Store's queue of calls.
func TestSealedStoreGoKeyring(t *testing.T) {
	keyring.MockInit()
	bus := func(name string) string {
		if name == "DBUS_SESSION_BUS_ADDRESS" {
			return "unix:path=/nowhere"
		}
		return ""
	}
	s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindAuto, Getenv: bus, Notice: func(message, _ string) { t.Errorf("notice: %s", message) }})
	testStore(t, func(testing.TB) *Store { return s })
	if got := s.Describe(keyFor("savers")); !strings.Contains(got, "encrypted") {
		t.Errorf("kept in %s", got)
	}
	keyring.MockInitWithError(errors.New("exit status 36"))
	if err := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, Getenv: bus}).Save(t.Context(), keyFor("a"), numbered(1)); keyringState(err) != KeyringOther {
		t.Errorf("an error without a type: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Dir: "relative"}, {}, {Dir: t.TempDir(), Kind: "floppy"}} {
		_, err := Open(o)
		if hint.Of(err) == "" {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// Opening and looking into an empty store leaves no trace.
func TestOpenIsLazy(t *testing.T) {
	t.Parallel()
	dir, ring := filepath.Join(t.TempDir(), "not yet"), newRing()
	s := mustOpen(t, Options{Dir: dir, keyring: ring})
	if _, err := s.Load(t.Context(), keyFor("a")); !errors.Is(err, oauth.ErrNotFound) {
		t.Error(err)
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	if _, ok, err := s.Pending(t.Context(), keyFor("a")); ok || err != nil {
		t.Error(ok, err)
	}
	if err := s.Delete(t.Context(), keyFor("a")); err != nil {
		t.Error(err)
	}
	if gets, sets := ring.calls(); exists(dir) || gets+sets != 0 {
		t.Errorf("directory %v, keyring %d calls", exists(dir), gets+sets)
	}
}

// The keyring is asked once per process.
func TestKeyIsCached(t *testing.T) {
	t.Parallel()
	dir, ring := t.TempDir(), newRing()
	save(t, mustOpen(t, Options{Dir: dir, keyring: ring}), keyFor("a"), 1)
	before, _ := ring.calls()
	s := mustOpen(t, Options{Dir: dir, keyring: ring})
	for range 5 {
		if _, err := s.Load(t.Context(), keyFor("a")); err != nil {
			t.Fatal(err)
		}
		save(t, s, keyFor("a"), 2)
	}
	if after, _ := ring.calls(); after-before != 1 {
		t.Errorf("the keyring was asked %d times", after-before)
	}
}

// The credential of a provider with long tokens, about 12 KB.
func benchCredential() oauth.Credential {
	c := numbered(1)
	c.AccessToken, c.IDToken = grant.NewSecret(strings.Repeat("a", 6<<10)), grant.NewSecret(strings.Repeat("i", 6<<10))
	return c
}

func benchStores(b *testing.B) map[string]*Store {
	return map[string]*Store{
		"sealed": mustOpen(b, Options{Dir: b.TempDir(), Kind: KindKeyring, keyring: newRing()}),
		"file":   mustOpen(b, Options{Dir: b.TempDir(), Kind: KindFile}),
		"memory": mustOpen(b, Options{Kind: KindMemory}),
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, s := range benchStores(b) {
		if err := s.Save(b.Context(), keyFor("a"), benchCredential()); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(b.Context(), keyFor("a")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSave(b *testing.B) {
	cred := benchCredential()
	for name, s := range benchStores(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Save(b.Context(), keyFor("a"), cred); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A field that somebody adds to a credential has a name of its own in the file, not
// the one it happens to have in Go.
func TestRecordMembersAreNamed(t *testing.T) {
	var cred oauth.Credential
	fill(t, reflect.ValueOf(&cred).Elem(), "cred")
	var key oauth.Key
	fill(t, reflect.ValueOf(&key).Elem(), "key")
	b, err := encodeRecord(key, cred, time.Now())
	must(t, err)
	for _, name := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(string(b), -1) {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(name[1]) {
			t.Errorf("a member is named %q", name[1])
		}
	}
}
