//go:build unix

package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// repairs applies all that can be repaired, and returns what was said of it.
func repairs(t *testing.T, s *Store) (said, exposed []string) {
	t.Helper()
	all, err := s.Repairs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if err := r.Apply(t.Context()); err != nil {
			t.Errorf("%s: %v", r.Change, err)
		}
		if said = append(said, r.Change); r.Exposed != "" {
			exposed = append(exposed, r.Exposed)
		}
	}
	return said, exposed
}

// A directory and files that others can read become private, behind a link as well, and the
// logins stay. Which of them others could read is told.
func TestRepairsMakePrivate(t *testing.T) {
	t.Parallel()
	dir, link := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	sealed := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyring: newRing()})
	save(t, sealed, keyFor("sealed"), 1)
	plain := mustOpen(t, Options{Dir: link, Kind: KindFile})
	save(t, plain, keyFor("plain"), 2)
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		must(t, os.Chmod(filepath.Join(dir, f.Name()), 0o644))
	}
	must(t, os.Chmod(dir, 0o777))
	if _, err := plain.Load(t.Context(), keyFor("plain")); err == nil {
		t.Error("a login that others can read is used")
	}
	said, exposed := repairs(t, plain)
	if len(said) != len(files)+1 || !strings.HasPrefix(said[0], "chmod 700 "+link) || len(exposed) != 1 || exposed[0] != keyFor("plain").ID() {
		t.Errorf("%q, %q", said, exposed)
	}
	holds(t, plain, keyFor("plain"), 2)
	holds(t, sealed, keyFor("sealed"), 1)
	if said, _ := repairs(t, plain); len(said) > 0 {
		t.Errorf("once more: %q", said)
	}
}

// A directory with something else in it may be shared on purpose, and what is not a file of
// ours is left alone, a link to one above all.
func TestRepairsLeaveAloneWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, nil, 0o644))
	for name, spoil := range map[string]func(dir string) error{
		"another program's file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644) },
		"a link":                 func(dir string) error { return os.Symlink(outside, filepath.Join(dir, keyFor("b").ID()+plainSuffix)) },
		"a folder":               func(dir string) error { return os.Mkdir(filepath.Join(dir, keyFor("b").ID()+plainSuffix), 0o755) },
	} {
		dir := t.TempDir()
		must(t, os.Chmod(dir, 0o777))
		must(t, spoil(dir))
		if said, _ := repairs(t, mustOpen(t, Options{Dir: dir, Kind: KindFile})); len(said) > 0 {
			t.Errorf("%s: %q", name, said)
		}
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 {
		t.Error(info, err)
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), outside} {
		if said, _ := repairs(t, mustOpen(t, Options{Dir: dir, Kind: KindFile})); len(said) > 0 {
			t.Errorf("%s: %q", dir, said)
		}
	}
}

// What a process that died has left is removed; what a living one needs stays, and so does
// each login.
func TestRepairsRemoveWhatTheDeadHaveLeft(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile})
	save(t, s, keyFor("a"), 1)
	put := func(name string, age time.Duration) string {
		path, at := filepath.Join(s.dir, name), time.Now().Add(-age)
		must(t, os.WriteFile(path, []byte("{}"), 0o600))
		must(t, os.Chtimes(path, at, at))
		return path
	}
	id, alive := keyFor("b").ID(), keyFor("alive")
	temp := "." + strings.Repeat("0", tempRandom) + tempSuffix
	dead := []string{put(indexName+temp, time.Hour), put(id+probeSuffix, time.Hour), put(id+lockSuffix+lockFileSuffix, 2*leftBehind), put(id+pendingSuffix, 0)}
	living := []string{put(id+plainSuffix+temp, 0), put(id+loginSuffix+lockFileSuffix, time.Minute), filepath.Join(s.dir, alive.ID()+pendingSuffix), filepath.Join(s.dir, keyFor("a").ID()+plainSuffix)}
	other := mustOpen(t, Options{Dir: s.dir, Kind: KindFile})
	unlock, err := other.LockLogin(t.Context(), alive, nil)
	must(t, err)
	defer unlock()
	must(t, other.SetPending(t.Context(), alive, Pending{Started: time.Now()}))
	if said, exposed := repairs(t, s); len(said) != len(dead) || len(exposed) > 0 {
		t.Errorf("%q, %q", said, exposed)
	}
	for _, path := range dead {
		if exists(path) {
			t.Errorf("still there: %s", path)
		}
	}
	for _, path := range living {
		if !exists(path) {
			t.Errorf("gone: %s", path)
		}
	}
	holds(t, s, keyFor("a"), 1)
}

// Between the look and the change somebody else may have been there.
func TestRepairsAreForWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	s, key := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile}), keyFor("a")
	record := filepath.Join(s.dir, key.ID()+pendingSuffix)
	must(t, os.Chmod(s.dir, 0o700))
	must(t, os.WriteFile(record, []byte("{}"), 0o600))
	all, err := s.Repairs(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if files, _ := os.ReadDir(s.dir); len(files) != 1 {
		t.Errorf("the look has made files: %v", files)
	}
	other := mustOpen(t, Options{Dir: s.dir, Kind: KindFile})
	unlock, err := other.LockLogin(t.Context(), key, nil)
	must(t, err)
	must(t, other.SetPending(t.Context(), key, Pending{Started: time.Now()}))
	if err := all[0].Apply(t.Context()); err == nil || !exists(record) {
		t.Errorf("the sign-in of a living process is removed: %v", err)
	}
	unlock()
	if err := all[0].Apply(t.Context()); err != nil {
		t.Errorf("gone by itself: %v", err)
	}
	probe, before := filepath.Join(s.dir, key.ID()+probeSuffix), time.Now().Add(-time.Hour)
	must(t, os.WriteFile(probe, nil, 0o600))
	must(t, os.Chtimes(probe, before, before))
	if all, err = s.Repairs(t.Context()); err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	must(t, os.Remove(probe))
	must(t, os.WriteFile(probe, []byte("of a living process"), 0o600))
	if err := all[0].Apply(t.Context()); err == nil || !exists(probe) {
		t.Errorf("another file of that name is removed: %v", err)
	}
}

// What the store does by itself is not offered: who has refused it would find it done.
func TestRepairsOfferNothingThatIsDoneAnyhow(t *testing.T) {
	t.Parallel()
	for mode, want := range map[os.FileMode]int{0o700: 0, 0o755: 0, 0o711: 0, 0o720: 1, 0o702: 1, 0o777: 1} {
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile})
		must(t, os.Chmod(s.dir, mode))
		all, err := s.Repairs(t.Context())
		if err != nil || len(all) != want {
			t.Errorf("%o: %v, %v", mode, all, err)
		}
		_, _, err = s.Probe(t.Context())
		if info, _ := os.Stat(s.dir); (info.Mode().Perm() == mode) != (want == 1 || mode == 0o700) {
			t.Errorf("%o has become %o, %v", mode, info.Mode().Perm(), err)
		}
	}
}

// A program that writes and was stopped may come to write a login: nothing of it is removed.
func TestRepairsWaitForAWriter(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, writer := mustOpen(t, Options{Dir: dir, Kind: KindFile}), mustOpen(t, Options{Dir: dir, Kind: KindFile})
		temp, before := filepath.Join(dir, keyFor("a").ID()+plainSuffix+"."+strings.Repeat("0", tempRandom)+tempSuffix), time.Now().Add(-time.Hour)
		must(t, os.WriteFile(temp, nil, 0o600))
		must(t, os.Chtimes(temp, before, before))
		must(t, os.Chmod(dir, 0o700))
		all, err := s.Repairs(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		release, err := writer.acquire(t.Context(), writeLockName, nil)
		must(t, err)
		if err := all[0].Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "another program writes") || !exists(temp) {
			t.Errorf("beside a writer: %v", err)
		}
		release()
		if err := all[0].Apply(t.Context()); err != nil || exists(temp) {
			t.Errorf("after it: %v", err)
		}
	})
}
