package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/hint"
)

// A probe writes as a login would, and leaves nothing: no file and no item of the keyring.
func TestProbeWritesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	passphrase := func(string) string { return "correct horse battery staple" }
	ring := newRing()
	for _, c := range []struct {
		o    Options
		want Kind
	}{
		{Options{Kind: KindAuto, keyring: ring}, KindKeyring},
		{Options{Kind: KindKeyring, keyring: ring}, KindKeyring},
		{Options{Kind: KindPassphrase, Getenv: passphrase}, KindPassphrase},
		{Options{Kind: KindFile}, KindFile},
		{Options{Kind: KindMemory}, KindMemory},
	} {
		c.o.Dir = filepath.Join(t.TempDir(), "new", "store")
		s := mustOpen(t, c.o)
		var steps []string
		if s.disk != nil {
			s.disk.observe = func(done step) { steps = append(steps, done.op) }
		}
		if kind, fallback, err := s.Probe(t.Context()); kind != c.want || fallback != nil || err != nil {
			t.Errorf("%s: %s, %v, %v", c.o.Kind, kind, fallback, err)
		}
		if got := strings.Join(steps, " "); c.want != KindMemory && got != "create write sync rename sync unlink" {
			t.Errorf("%s: %s", c.o.Kind, got)
		}
		if left, err := os.ReadDir(c.o.Dir); len(left) > 0 || (err != nil) != (c.want == KindMemory) {
			t.Errorf("%s: left behind: %v, %v", c.o.Kind, left, err)
		}
	}
	if _, sets := ring.calls(); sets != 2 || len(ring.items) != 0 {
		t.Errorf("%d items written, left: %v", sets, ring.items)
	}
}

// Where a login could not be kept, a probe says so and what to do.
func TestProbeFailsWhereNothingCanBeKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		o          Options
		says, next string
	}{
		"a file in the place of the folder": {Options{Dir: file}, "logins cannot be kept in " + file + " (not a directory)", "MCP_LOGIN_DIR"},
		"a file on the way to it":           {Options{Dir: filepath.Join(file, "store")}, "", "MCP_LOGIN_DIR"},
		"a keyring that keeps nothing":      {Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: forgetful{newRing()}}, "not found", "--store file"},
		"a keyring that panics":             {Options{Dir: t.TempDir(), Kind: KindKeyring, keyring: panicking{}}, "panicked", "--store file"},
		"no passphrase":                     {Options{Dir: t.TempDir(), Kind: KindPassphrase, Getenv: func(string) string { return "" }}, "no usable passphrase", "MCP_LOGIN_PASSPHRASE"},
	} {
		if c.o.Kind == "" {
			c.o.Kind = KindFile
		}
		_, fallback, err := mustOpen(t, c.o).Probe(t.Context())
		if err == nil || fallback != nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Of(err), c.next) {
			t.Errorf("%s: %v, %v; %s", name, fallback, err, hint.Of(err))
		}
	}
	// KindAuto has a place for logins where the keyring keeps nothing; the reason is told.
	kind, fallback, err := mustOpen(t, Options{Dir: t.TempDir(), keyring: forgetful{newRing()}}).Probe(t.Context())
	if kind != KindFile || keyringState(fallback) == "" || err != nil {
		t.Errorf("%s, %v, %v", kind, fallback, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if kind, fallback, err := mustOpen(t, Options{Dir: t.TempDir(), keyring: newRing()}).Probe(ended); err == nil || fallback != nil {
		t.Errorf("after the end: %s, %v, %v", kind, fallback, err)
	}
}

// What a probe that was killed has left is removed by the next save, and is no login.
func TestProbeThatWasKilledIsNoLogin(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile})
	left, before := filepath.Join(s.dir, strings.Repeat("a", idCharacters)+probeSuffix), time.Now().Add(-2*staleTempAge)
	must(t, os.WriteFile(left, []byte("x"), 0o600))
	must(t, os.Chtimes(left, before, before))
	if list, err := s.List(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	save(t, s, keyFor("a"), 1)
	if exists(left) {
		t.Error("left behind")
	}
}
