//go:build unix

package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What somebody else has put into the directory stays and is named, and so does a link to it.
func TestRemovalLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	dir, link := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "link")
	must(t, errors.Join(os.Mkdir(dir, 0o700), os.Symlink(dir, link)))
	s := mustOpen(t, Options{Dir: link, Kind: KindFile})
	save(t, s, keyFor("a"), 1)
	odd := []string{filepath.Join(link, "index.json.bak"), filepath.Join(link, "letter.txt"), filepath.Join(link, "told-fallback")}
	for _, path := range odd[:2] {
		must(t, os.WriteFile(path, []byte("mine"), 0o600))
	}
	must(t, os.Symlink(odd[1], odd[2])) // with the name of one of ours
	if _, left := removed(t, s); !slices.Equal(left, odd) {
		t.Errorf("left %q", left)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(odd) {
		t.Errorf("%v, %v", files, err)
	}
	for _, path := range odd {
		must(t, os.Remove(path))
	}
	if left, err := s.RemoveDirectory(t.Context()); err != nil || len(left) > 0 || !exists(dir) {
		t.Errorf("left %q, %v; an empty directory is there: %v", left, err, exists(dir))
	}
	save(t, s, keyFor("a"), 1)
	if _, left := removed(t, s); !slices.Equal(left, []string{link}) || exists(dir) {
		t.Errorf("left %q", left)
	}
}

// Files that have the names of ours, but not our content, are somebody's: alone they make no
// directory ours, and beside ours they stay.
func TestRemovalLeavesFilesWithOurNames(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "site")
	must(t, os.Mkdir(dir, 0o700))
	s := mustOpen(t, Options{Dir: dir, Kind: KindFile})
	var theirs []string
	for name, content := range map[string]string{
		indexName: `{"my":"site"}`, passphraseKeyName: "mine", writeLockName: "1234", keyLockName: "1234", fallbackMarker: "x", noLocksMarker: "x",
	} {
		theirs = append(theirs, filepath.Join(dir, name))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	slices.Sort(theirs)
	if left, err := s.RemoveDirectory(t.Context()); s.HasFiles() || len(left) > 0 || err != nil {
		t.Errorf("left %q, %v; it counts as ours: %v", left, err, s.HasFiles())
	}
	must(t, os.WriteFile(filepath.Join(dir, keyFor("a").ID()+lockSuffix), nil, 0o600))
	left, err := s.RemoveDirectory(t.Context())
	if err != nil || !slices.Equal(left, theirs) {
		t.Errorf("left %q, %v", left, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != len(theirs) {
		t.Errorf("%v, %v", files, err)
	}
}

// A directory that others can write to is not touched.
func TestRemovalRefusesAnUnsafeDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	save(t, mustOpen(t, Options{Dir: dir, Kind: KindFile}), keyFor("a"), 1)
	must(t, os.Chmod(dir, 0o777))
	if _, err := mustOpen(t, Options{Dir: dir}).RemoveDirectory(t.Context()); !errors.Is(err, ErrUnsafe) {
		t.Error(err)
	}
}
