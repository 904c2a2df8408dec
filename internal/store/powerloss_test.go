package store

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mcp-login/internal/oauth"
)

// inode is a file on the disk of the power-loss model. Only what was synced
// is sure to be there afterwards.
type inode struct {
	data   []byte
	synced bool
}

// afterLoss are the contents that a file may have when power comes back.
func (n *inode) afterLoss() [][]byte {
	if n.synced {
		return [][]byte{n.data}
	}
	return [][]byte{n.data, nil, n.data[:len(n.data)/2], make([]byte, len(n.data))}
}

// moment is the disk after some of the steps: the directory as last synced,
// and the changes of it that may or may not survive, in any selection.
type moment struct {
	inodes  map[string]*inode // by the name it was created under
	synced  map[string]*inode
	pending []func(map[string]*inode)
}

// follow builds the moment after the first n of the steps.
func follow(start map[string][]byte, steps []step, n int) *moment {
	m := &moment{inodes: map[string]*inode{}, synced: map[string]*inode{}}
	for name, data := range start {
		m.synced[name] = &inode{data: data, synced: true}
	}
	for _, s := range steps[:n] {
		switch {
		case s.op == stepCreate:
			node := &inode{}
			m.inodes[s.name] = node
			m.pending = append(m.pending, func(d map[string]*inode) { d[s.name] = node })
		case s.op == stepWrite:
			m.inodes[s.name].data = s.data
		case s.op == stepSync && s.name != "":
			m.inodes[s.name].synced = true
		case s.op == stepSync:
			for _, change := range m.pending {
				change(m.synced)
			}
			m.pending = nil
		case s.op == stepRename:
			node := m.inodes[s.name]
			m.pending = append(m.pending, func(d map[string]*inode) { delete(d, s.name); d[s.to] = node })
		case s.op == stepUnlink:
			m.pending = append(m.pending, func(d map[string]*inode) { delete(d, s.name) })
		}
	}
	return m
}

// outcomes calls f with every directory that power may come back to.
func (m *moment) outcomes(f func(map[string][]byte)) {
	for survivors := range 1 << len(m.pending) {
		names := maps.Clone(m.synced)
		for i, change := range m.pending {
			if survivors>>i&1 == 1 {
				change(names)
			}
		}
		for kind := range 4 { // every file that was not synced fares alike
			files, differs := map[string][]byte{}, false
			for name, node := range names {
				all := node.afterLoss()
				files[name] = all[min(kind, len(all)-1)]
				differs = differs || len(all) > 1
			}
			if kind == 0 || differs {
				f(files)
			}
		}
	}
}

func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		files[e.Name()] = take(t, filepath.Join(dir, e.Name()))
	}
	return files
}

// restore makes the directory hold files and nothing else.
func restore(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	now := contents(t, dir)
	for name := range now {
		if _, ok := files[name]; !ok {
			must(t, os.Remove(filepath.Join(dir, name)))
		}
	}
	for name, data := range files {
		if old, ok := now[name]; !ok || !bytes.Equal(old, data) {
			put(t, filepath.Join(dir, name), data)
		}
	}
}

// lossCase is one change of a login during which power fails.
type lossCase struct {
	name     string
	before   Kind // "" for an empty store
	kind     Kind
	deletion bool
}

// Power fails after every prefix of the steps of a save
// and of a deletion; of the changes not yet synced any selection survives,
// with whole, no, half or zeroed content. The store opens to the old or the
// new credential, once the call has returned to the new one, and the next save
// works. Nothing that was lost is taken for a damaged login.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	for _, tc := range []lossCase{
		{"first login, keyring", "", KindKeyring, false},
		{"first login, passphrase", "", KindPassphrase, false},
		{"first login, file", "", KindFile, false},
		{"refresh, keyring", KindKeyring, KindKeyring, false},
		{"refresh, file", KindFile, KindFile, false},
		{"file to keyring", KindFile, KindAuto, false},
		{"keyring to file", KindKeyring, KindFile, false},
		{"refresh, passphrase", KindPassphrase, KindPassphrase, false},
		{"logout, keyring", KindKeyring, KindKeyring, true},
		{"logout, file", KindFile, KindFile, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			testPowerLoss(t, tc)
		})
	}
}

func testPowerLoss(t *testing.T, tc lossCase) {
	ctx, key, dir, ring := context.Background(), keyFor("a"), t.TempDir(), newRing()
	open := func(kind Kind) *Store {
		return mustOpen(t, Options{Dir: dir, Kind: kind, keyring: ring, Getenv: environment(passphraseVariable, goodPassphrase), Notice: func(string, string) {}})
	}
	if tc.before != "" {
		save(t, open(tc.before), key, 1)
	}
	start := contents(t, dir)
	var steps []step
	s := open(tc.kind)
	s.disk.observe = func(st step) {
		st.data = slices.Clone(st.data) // the writer clears its own
		steps = append(steps, st)
	}
	change := func() error { return s.Save(ctx, key, numbered(2)) }
	if tc.deletion {
		change = func() error { return s.Delete(ctx, key) }
	}
	must(t, change())
	s.disk.observe = nil
	if len(steps) < 3 {
		t.Fatalf("only %d steps seen", len(steps))
	}
	// What is read afterwards is what the person would use, who changes from
	// one kind to another: the kind that reads both.
	reader := tc.kind
	if tc.before == KindKeyring && reader == KindFile {
		reader = KindAuto
	}
	states := 0
	for n := range len(steps) + 1 {
		follow(start, steps, n).outcomes(func(files map[string][]byte) {
			states++
			restore(t, dir, files)
			again := open(reader)
			again.keyring = s.keyring // a derived key is not made anew each time
			if reader == KindAuto {
				again = open(reader)
			}
			checkAfterLoss(t, tc, again, n == len(steps))
			if t.Failed() {
				t.Fatalf("after step %d of %d (%+v), with %v", n, len(steps), steps[max(n-1, 0)].op, slices.Sorted(maps.Keys(files)))
			}
		})
	}
	t.Logf("MEASURED %d steps, %d states after a power loss", len(steps), states)
}

func checkAfterLoss(t *testing.T, tc lossCase, s *Store, done bool) {
	got, err := s.Load(t.Context(), keyFor("a"))
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrKeyLost):
		t.Errorf("lost: %v", err)
	case errors.Is(err, oauth.ErrNotFound):
		if tc.before != "" && !tc.deletion || tc.before == "" && done {
			t.Errorf("no login: %v", err)
		}
	case err != nil:
		t.Errorf("%v", err)
	case tc.deletion && done:
		t.Error("it is back after the logout")
	case done && numberOf(t, got) != 2, numberOf(t, got) != 1 && numberOf(t, got) != 2, tc.before == "" && numberOf(t, got) != 2:
		t.Errorf("number %d", numberOf(t, got))
	}
	list, lerr := s.List(t.Context())
	if lerr != nil || len(list) != map[bool]int{true: 1, false: 0}[err == nil] || len(list) == 1 && list[0].Problem != "" {
		t.Errorf("status: %+v %v, and the login %v", list, lerr, err)
	}
	if err := s.Save(t.Context(), keyFor("a"), numbered(3)); err != nil {
		t.Error(err)
	}
	holds(t, s, keyFor("a"), 3, "the next login")
}
