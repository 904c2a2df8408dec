package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"mcp-login/internal/oauth"
)

// What only the person of an account may read is on the disk sealed or not at all,
// outlives the process, belongs to one identity and one name, and goes with the login.
func TestSealedValues(t *testing.T) {
	t.Parallel()
	const name, secret = "lazy-0a", "a list of private tools"
	for what, c := range map[string]struct {
		o     Options
		seals bool
	}{
		"keyring":            {Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: newRing()}, true},
		"auto":               {Options{Dir: t.TempDir(), keyring: newRing()}, true},
		"passphrase":         {Options{Dir: t.TempDir(), Kind: KindPassphrase, Getenv: environment(passphraseVariable, goodPassphrase)}, true},
		"file":               {Options{Dir: t.TempDir(), Kind: KindFile, keyring: newRing()}, false},
		"memory":             {Options{Kind: KindMemory}, false},
		"auto, no keyring":   {Options{Dir: t.TempDir(), keyring: failingRing(KeyringUnavailable)}, false},
		"auto, locked":       {Options{Dir: t.TempDir(), keyring: failingRing(KeyringLocked)}, false},
		"no passphrase":      {Options{Dir: t.TempDir(), Kind: KindPassphrase, Getenv: environment()}, false},
		"keyring, not there": {Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: failingRing(KeyringUnavailable)}, false},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, key := t.Context(), keyFor("a")
			err := mustOpen(t, c.o).SaveSealed(ctx, key, name, []byte(secret))
			if (err == nil) != c.seals {
				t.Fatalf("sealed: %v", err)
			}
			files, _ := filepath.Glob(filepath.Join(c.o.Dir, "*"))
			for _, file := range files {
				if c.o.Dir != "" && bytes.Contains(take(t, file), []byte(secret)) {
					t.Errorf("%s holds it in plain text", file)
				}
			}
			s := mustOpen(t, c.o)
			got, err := s.LoadSealed(ctx, key, name)
			if c.seals && (string(got) != secret || err != nil) || !c.seals && got != nil {
				t.Errorf("%q %v", got, err)
			}
			for _, other := range []struct {
				key  oauth.Key
				name string
			}{{keyFor("b"), name}, {key, "lazy-0b"}} {
				if got, _ := s.LoadSealed(ctx, other.key, other.name); got != nil {
					t.Errorf("%v %s: %q", other.key, other.name, got)
				}
			}
			must(t, s.Delete(ctx, key))
			if got, err := s.LoadSealed(ctx, key, name); got != nil {
				t.Errorf("after logout: %q %v", got, err)
			}
		})
	}
}

// failingRing is a keyring whose calls all fail.
func failingRing(state KeyringState) *ringMemory {
	ring := newRing()
	ring.fail(&KeyringError{State: state})
	return ring
}

// A value that was changed, cut, moved to another name or account, or sealed with a key
// that is gone, is not believed; nor is one that was put there unsealed.
func TestSealedValuesThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	const name = "lazy-0a"
	key := keyFor("a")
	ring := newRing()
	s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: ring})
	must(t, s.SaveSealed(t.Context(), key, name, []byte("tools")))
	path := filepath.Join(s.dir, key.ID()+cacheSuffix+name)
	good := take(t, path)
	refused := func(what string, as oauth.Key, name string, file []byte) {
		t.Helper()
		put(t, filepath.Join(s.dir, as.ID()+cacheSuffix+name), file)
		if got, err := s.LoadSealed(t.Context(), as, name); got != nil || err == nil {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		refused("a changed byte", key, name, bad)
		refused("cut", key, name, good[:i])
	}
	refused("plain text", key, name, []byte("tools"))
	refused("another name", key, "lazy-0b", good)
	refused("another account", keyFor("b"), name, good)
	save(t, s, key, 1)
	refused("the login itself", key, name, take(t, filepath.Join(s.dir, key.ID()+sealedSuffix)))
	put(t, path, good)
	if got, err := s.LoadSealed(t.Context(), key, name); string(got) != "tools" {
		t.Errorf("the unchanged file: %q %v", got, err)
	}
	ring.empty()
	if got, err := mustOpen(t, Options{Dir: s.dir, Kind: KindKeyring, keyring: ring}).LoadSealed(t.Context(), key, name); got != nil || !errors.Is(err, ErrKeyLost) {
		t.Errorf("the key is gone: %q %v", got, err)
	}
	if err := s.SaveSealed(t.Context(), key, name, make([]byte, maxFile)); err == nil {
		t.Error("a value of any size")
	}
	if err := s.SaveSealed(t.Context(), key, "../x", nil); err == nil {
		t.Error("any name")
	}
}

// What cannot be kept takes what was kept before with it, whyever that is.
func TestAValueThatIsNotSealedEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	const name = "lazy-0a"
	for what, c := range map[string]struct {
		kind Kind
		data []byte
		lost bool
	}{
		"too large":            {KindKeyring, make([]byte, maxFile), false},
		"the keyring is gone":  {KindKeyring, []byte("new"), true},
		"a store of files now": {KindFile, []byte("new"), false},
	} {
		ring, key, dir := newRing(), keyFor("a"), t.TempDir()
		must(t, mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring}).SaveSealed(t.Context(), key, name, []byte("old")))
		now := Options{Dir: dir, Kind: c.kind, keyring: ring}
		if c.lost {
			now.keyring = failingRing(KeyringUnavailable)
		}
		if err := mustOpen(t, now).SaveSealed(t.Context(), key, name, c.data); err == nil {
			t.Errorf("%s: kept", what)
		}
		got, err := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: ring}).LoadSealed(t.Context(), key, name)
		if got != nil || err != nil {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
}
