package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Repair is a change to the directory of a store that costs nobody a login.
type Repair struct {
	// Change is what changes, for people, on one line.
	Change string
	// Refused tells that until then the store does not use what is changed.
	Refused bool
	// Exposed is the identity of a login that others could read until now, "" for none.
	Exposed string
	// Apply makes the change, unless what it is about has changed meanwhile.
	Apply func(ctx context.Context) error
}

// leftBehind is when a lock that is a file belongs to nobody any more, by any clock: its
// holder touches it every two seconds.
const leftBehind = time.Hour

// Repairs are the changes that make the directory private, and remove what processes that
// died have left. The error is that of looking at the directory.
func (s *Store) Repairs(ctx context.Context) (all []Repair, err error) {
	if s.memory != nil {
		return nil, nil
	}
	dir, err := os.Stat(s.dir) // a link to a directory stays one
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at the store's directory: %w", err)
	case !dir.IsDir() || !ownedByUs(dir):
		return nil, nil // nothing here is ours to change
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("look into the store's directory: %w", err)
	}
	ours := true
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // removed since
		}
		if !isStoreFile(f.Name()) || !info.Mode().IsRegular() || !ownedByUs(info) {
			ours = false
			continue
		}
		all = append(all, s.repairFile(ctx, info)...)
	}
	// Another directory may be shared on purpose; one that others can only look into becomes
	// private by itself, see tighten.
	if ours && writableByOthers(dir.Mode()) {
		all = append([]Repair{{
			Change:  fmt.Sprintf("chmod 700 %s (its mode is %04o)", s.dir, dir.Mode().Perm()),
			Refused: true,
			Apply: func(context.Context) error {
				f, err := os.Open(s.dir)
				return makePrivate(f, err, dir, 0o700)
			},
		}}, all...)
	}
	return all, nil
}

// repairFile are the changes to one file of the store.
func (s *Store) repairFile(ctx context.Context, info fs.FileInfo) []Repair {
	path, now := filepath.Join(s.dir, info.Name()), time.Now()
	id, suffix, _ := identityOf(info.Name())
	repair := func(change string, apply func(ctx context.Context) error) Repair {
		return Repair{Change: change, Apply: func(ctx context.Context) error { return s.ifUnchanged(ctx, info, apply) }}
	}
	remove := func(ctx context.Context) error { return s.disk.remove(ctx, info.Name()) }
	switch {
	case isStaleTemp(info, now):
		return []Repair{repair("remove "+path+", which a program that died has left", remove)}
	case filepath.Ext(info.Name()) == lockFileSuffix && now.Sub(info.ModTime()) > leftBehind:
		return []Repair{repair("remove "+path+", the lock of a program that died", remove)}
	case suffix == pendingSuffix && (!exists(filepath.Join(s.dir, id+loginSuffix)) || s.loginIsDead(id, func() error { return nil }) == nil):
		return []Repair{repair("remove "+path+", the sign-in of a program that died", func(ctx context.Context) error {
			return s.loginIsDead(id, func() error { return remove(ctx) })
		})}
	case openToOthers(info.Mode()):
		r := repair(fmt.Sprintf("chmod 600 %s (its mode is %04o)", path, info.Mode().Perm()), func(ctx context.Context) error {
			f, err := openPrivate(ctx, path)
			return makePrivate(f, err, info, 0o600)
		})
		r.Refused = true
		if suffix == plainSuffix && info.Mode().Perm()&0o044 != 0 {
			r.Exposed = id
		}
		return []Repair{r}
	}
	return nil
}

// ifUnchanged runs apply as the only writer of the directory, if a file is still the one
// that was looked at.
func (s *Store) ifUnchanged(ctx context.Context, before fs.FileInfo, apply func(ctx context.Context) error) error {
	wait, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	release, err := s.acquire(wait, writeLockName, nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // unlike a login, a repair can wait
		return fmt.Errorf("another program writes to %s: %w", s.dir, err)
	}
	defer release()
	now, err := os.Lstat(filepath.Join(s.dir, before.Name()))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime()):
		return fmt.Errorf("%s has changed meanwhile", before.Name())
	}
	return apply(ctx)
}

// loginIsDead runs then under the lock of a login, if no process has it.
func (s *Store) loginIsDead(id string, then func() error) error {
	release, free, err := s.tryKernelLock(filepath.Join(s.dir, id+loginSuffix))
	switch {
	case err != nil:
		return err
	case !free:
		return errors.New("a sign-in is under way")
	}
	defer release()
	return then()
}

// makePrivate changes the mode of what was opened, if it is what was looked at before.
func makePrivate(f *os.File, err error, before fs.FileInfo, mode fs.FileMode) error {
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, before) {
		return fmt.Errorf("%s has changed meanwhile", f.Name())
	}
	return f.Chmod(mode)
}
