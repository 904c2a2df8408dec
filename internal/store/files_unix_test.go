//go:build unix

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// Whatever the umask, files are 0600 and directories 0700.
func TestModesWhateverTheUmask(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022", "077", "277"} {
		for _, kind := range []string{"keyring", "passphrase", "file"} {
			base, ring := t.TempDir(), t.TempDir()
			dir := filepath.Join(base, "new", "store")
			run(t, helper(t, "umask", dir, kind, ring, umask))
			files := 0
			err := filepath.WalkDir(filepath.Join(base, "new"), func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := d.Info()
				if err != nil {
					return err
				}
				files++
				if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want && (umask != "277" || info.Mode().Perm()&0o077 != 0) {
					t.Errorf("umask %s, %s: %s has mode %04o", umask, kind, d.Name(), info.Mode().Perm())
				}
				return nil
			})
			if err != nil || files < 5 {
				t.Errorf("umask %s, %s: %d files, %v", umask, kind, files, err)
			}
		}
	}
}

func init() { helpers["umask"] = helperUmask }

// helperUmask saves and locks under a umask: UMASK.
func helperUmask(s *Store, args []string) error {
	var umask int
	if _, err := fmt.Sscanf(args[0], "%o", &umask); err != nil {
		return err
	}
	unix.Umask(umask)
	ctx := context.Background()
	if err := s.Save(ctx, keyFor("a"), numbered(1)); err != nil {
		return err
	}
	if _, err := s.LockLogin(ctx, keyFor("a"), nil); err != nil {
		return err
	}
	return s.SetPending(ctx, keyFor("a"), Pending{URL: "https://issuer.example"})
}

// An existing directory is repaired when only its mode is
// wrong and nothing else could be hurt by that; otherwise it is refused.
func TestDirectoryOpenToOthers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		mode fs.FileMode
		file string // in it before
		want bool
	}{
		{"empty", 0o755, "", true},
		{"with our files only", 0o750, indexName, true},
		{"with other files", 0o755, "somebody's", false},
		{"writable for the group", 0o770, "", false},
		{"writable for all", 0o777, indexName, false},
		{"like /tmp", fs.ModeSticky | 0o777, "", false},
	}
	for _, tc := range cases {
		dir := t.TempDir()
		if tc.file != "" {
			put(t, filepath.Join(dir, tc.file), []byte("x"))
		}
		must(t, os.Chmod(dir, tc.mode))
		s := fileStore(t, dir)
		err := s.Save(t.Context(), keyFor("a"), numbered(1))
		info, _ := os.Stat(dir)
		switch {
		case tc.want && (err != nil || info.Mode().Perm() != 0o700):
			t.Errorf("%s: %v, mode %04o", tc.name, err, info.Mode().Perm())
		case !tc.want && (!errors.Is(err, ErrUnsafe) || !strings.Contains(hint.Of(err), "chmod 700") || info.Mode().Perm() != tc.mode.Perm()):
			t.Errorf("%s: %v, mode %04o", tc.name, err, info.Mode().Perm())
		}
		if !tc.want {
			_, lerr := s.Load(t.Context(), keyFor("a"))
			_, kerr := s.Lock(t.Context(), keyFor("a"))
			if !errors.Is(lerr, ErrUnsafe) || !errors.Is(kerr, ErrUnsafe) {
				t.Errorf("%s: load %v, lock %v", tc.name, lerr, kerr)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, nil)
	if err := fileStore(t, file).Save(t.Context(), keyFor("a"), numbered(1)); !errors.Is(err, oauth.ErrUnwritable) {
		t.Errorf("a file as directory: %v", err)
	}
}

// What is not a private regular file of ours is refused at
// once, by Load, Save, Lock and Pending, and nothing is written through it.
func TestPlantedFiles(t *testing.T) {
	t.Parallel()
	plant := map[string]func(path, victim string) error{
		"link":            func(path, victim string) error { return os.Symlink(victim, path) },
		"link to nowhere": func(path, victim string) error { return os.Symlink(victim+"-none", path) },
		"pipe":            func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"directory":       func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"socket": func(path, _ string) error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd))
		},
	}
	if os.Geteuid() == 0 {
		plant["file of another user"] = func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 54321, 54321))
		}
	}
	for name, make := range plant {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testPlanted(t, make)
		})
	}
}

func testPlanted(t *testing.T, plant func(path, victim string) error) {
	ctx, key := t.Context(), keyFor("a")
	loadAndSave := func(s *Store) error {
		_, load := s.Load(ctx, key)
		if save := s.Save(ctx, key, numbered(1)); !errors.Is(load, ErrUnsafe) || !errors.Is(save, ErrUnsafe) {
			return fmt.Errorf("load: %v; save: %v", load, save)
		}
		return load
	}
	uses := map[string]func(s *Store) error{
		plainSuffix: loadAndSave, sealedSuffix: loadAndSave, passphraseSuffix: loadAndSave,
		lockSuffix:    func(s *Store) error { _, err := s.Lock(ctx, key); return err },
		pendingSuffix: func(s *Store) error { _, _, err := s.Pending(ctx, key); return err },
	}
	for suffix, use := range uses {
		// A short path: a socket's name must fit into 108 bytes.
		dir, err := os.MkdirTemp("", "s")
		must(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		victim := filepath.Join(t.TempDir(), "victim")
		put(t, victim, []byte("precious"))
		kind, path := KindFile, filepath.Join(dir, key.ID()+suffix)
		if of, ok := credentialSuffixes[suffix]; ok {
			kind = of
		}
		if err := plant(path, victim); err != nil {
			t.Skipf("cannot be planted here: %v", err)
		}
		before, _ := os.Lstat(path)
		s := mustOpen(t, Options{Dir: dir, Kind: kind, keyring: newRing(), Getenv: environment(passphraseVariable, goodPassphrase)})
		err = use(s)
		if !errors.Is(err, ErrUnsafe) || errors.Is(err, oauth.ErrNotFound) || hint.Of(err) == "" {
			t.Errorf("%s: %v", suffix, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || after.Size() != before.Size() {
			t.Errorf("%s: it was replaced or written", suffix)
		}
		if !bytes.Equal(take(t, victim), []byte("precious")) || exists(victim+"-none") {
			t.Errorf("%s: written through the link", suffix)
		}
	}
}

// A stored login that others could read is not used, and the
// hint names the command; after it, it is.
func TestFileOpenToOthers(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{KindFile, KindKeyring} {
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: kind, keyring: newRing()})
		save(t, s, keyFor("a"), 1)
		path := filepath.Join(s.dir, keyFor("a").ID()+map[Kind]string{KindFile: plainSuffix, KindKeyring: sealedSuffix}[kind])
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o602, 0o777} {
			must(t, os.Chmod(path, mode))
			_, err := s.Load(t.Context(), keyFor("a"))
			if !errors.Is(err, ErrUnsafe) || !strings.Contains(hint.Of(err), "chmod 600 "+path) {
				t.Errorf("%s, mode %04o: %v", kind, mode, err)
			}
		}
		must(t, os.Chmod(path, 0o600))
		holds(t, s, keyFor("a"), 1, kind, "after chmod")
		must(t, os.Chmod(path, 0o644))
		if err := s.Delete(t.Context(), keyFor("a")); err != nil || exists(path) {
			t.Errorf("%s: a refused file cannot be deleted: %v", kind, err)
		}
	}
}

// A directory that belongs to somebody else, directly or behind a link.
func TestDirectoryOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	must(t, errors.Join(os.Mkdir(foreign, 0o700), os.Chown(foreign, 54321, 54321)))
	mine, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	must(t, errors.Join(os.Symlink(mine, link), os.Lchown(link, 54321, 54321)))
	for _, dir := range []string{foreign, link} {
		if err := fileStore(t, dir).Save(t.Context(), keyFor("a"), numbered(1)); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	}
	own := filepath.Join(t.TempDir(), "own link")
	must(t, os.Symlink(mine, own))
	if err := fileStore(t, own).Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
		t.Errorf("a link of one's own: %v", err)
	}
}

// A file system without locks is told once per directory;
// goroutines still exclude each other, and everything else works.
func TestStoreWorksWithoutKernelLocks(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{unix.ENOLCK, unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS} {
		var told notices
		o := Options{Dir: t.TempDir(), keyring: newRing(), Notice: told.add}
		open := func(t testing.TB) *Store {
			s := mustOpen(t, o)
			s.tryKernelLock = func(string) (func(), bool, error) { return nil, false, &fs.PathError{Op: "flock", Err: errno} }
			return s
		}
		if errno == unix.ENOLCK {
			s := open(t) // one Store, because only its goroutines exclude each other
			testStore(t, func(testing.TB) *Store { return s })
		}
		for range 2 {
			s := open(t)
			unlock := lock(t, s, keyFor("a"))
			if err := s.Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
				t.Error(err)
			}
			unlock()
		}
		if list := told.all(); len(list) != 1 || !strings.Contains(list[0], "no locks") {
			t.Errorf("%v: told %v", errno, &told)
		}
	}
}

// A lock on a file that was removed, with the whole directory perhaps, does not
// count: who comes later locks the file that is there then.
func TestLockFileRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x"+lockSuffix)
	l := flock.New(path)
	defer l.Close()
	if ok, err := l.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if current, err := isCurrent(l, path); !current || err != nil {
		t.Errorf("the file that is there: %v %v", current, err)
	}
	must(t, os.Remove(path))
	if current, err := isCurrent(l, path); current || err != nil {
		t.Errorf("removed: %v %v", current, err)
	}
	release, ok, err := tryKernelLock(path)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer release()
	if current, err := isCurrent(l, path); current || err != nil {
		t.Errorf("replaced: %v %v", current, err)
	}
}
