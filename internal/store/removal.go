package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/foreign"
)

const (
	// removalWait bounds the wait for a sign-in that was told to end.
	removalWait = 5 * time.Second
	// removalTries is how often the directory is emptied: who has been told to end may write
	// once more.
	removalTries = 3
)

// Dir is the store's directory, "" of a store in memory.
func (s *Store) Dir() string { return s.dir }

// HasFiles reports whether the directory holds anything of ours: another one, that somebody
// has named by mistake, is nobody's to remove.
func (s *Store) HasFiles() bool {
	files, _ := os.ReadDir(s.dir) // nothing, where it cannot be read
	return slices.ContainsFunc(files, s.wrote)
}

// wrote reports whether a store has written a file. A name that others give to files of
// theirs does not tell that: what is in it does.
func (s *Store) wrote(f fs.DirEntry) bool {
	info, err := f.Info()
	if err != nil || !isStoreFile(f.Name()) || !info.Mode().IsRegular() || !ownedByUs(info) {
		return false
	}
	content := func() []byte {
		b, _ := foreign.ReadFile(filepath.Join(s.dir, f.Name()), maxFile)
		return b
	}
	switch f.Name() {
	case indexName:
		var file indexFile
		return json.Unmarshal(content(), &file) == nil && file.Format > 0 && file.Entries != nil
	case passphraseKeyName:
		return bytes.HasPrefix(content(), []byte(wrapPrefix))
	case writeLockName, keyLockName, passphraseLock, fallbackMarker, noLocksMarker:
		return info.Size() == 0
	}
	return true
}

// MayHaveKey reports whether the OS keyring can hold a key of this directory. It asks no
// keyring: whoever makes a key there takes a lock here, whose file stays.
func (s *Store) MayHaveKey() bool {
	files, _ := os.ReadDir(s.dir) // nothing, where it cannot be read
	return slices.ContainsFunc(files, func(f fs.DirEntry) bool {
		_, suffix, _ := identityOf(f.Name())
		return suffix == sealedSuffix || f.Name() == keyLockName && s.wrote(f)
	})
}

// DeleteKey removes the key of this directory from the OS keyring, within the deadline of
// such a call; whatever it has sealed cannot be read after that. deleted is false where
// there was none. The errors are *KeyringError and those of ctx.
func (s *Store) DeleteKey(ctx context.Context) (deleted bool, err error) {
	ring, ok := s.keyring.inner.(interface {
		Delete(service, account string) error
	})
	if !ok || !s.MayHaveKey() {
		return false, nil
	}
	wait, cancel := context.WithTimeout(ctx, keyLockWait)
	defer cancel()
	release, err := s.acquire(wait, keyLockName, nil)
	if err != nil {
		return false, fmt.Errorf("lock the store's key: %w", err)
	}
	defer s.keyring.whenIdle(release) // a call that is overdue may still take effect
	_, err = s.keyring.call(ctx, "write", func() (string, error) { return "", ring.Delete(keyringService, s.account) })
	if err != nil {
		if keyringState(err) == KeyringNotFound {
			err = nil
		}
		return false, err
	}
	s.key = nil
	return true, nil
}

// RemoveDirectory removes the store's directory with all that programs of this project have
// written there, and ends sign-ins that are under way. Logins are no part of that: while one
// is kept there, nothing is removed. What somebody else has put there stays, and is named.
func (s *Store) RemoveDirectory(ctx context.Context) (left []string, err error) {
	if s.memory != nil {
		return nil, nil
	}
	if err := s.keepsNone(); err != nil {
		return nil, fmt.Errorf("remove the store's directory: %w", err)
	}
	if !s.HasFiles() {
		return nil, nil
	}
	if err := s.endLogins(ctx); err != nil {
		return nil, err
	}
	for range removalTries {
		if left, err = s.removeFiles(ctx); err == nil && len(left) == 0 {
			left, err = s.removeEmpty()
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return left, fmt.Errorf("remove the store's directory: %w", err)
	}
	return left, nil
}

// keepsNone is an error while logins are kept in the directory.
func (s *Store) keepsNone() error {
	kept, err := s.credentialFiles()
	if err == nil && len(kept) > 0 {
		err = fmt.Errorf("logins are kept in %s: %d", s.dir, len(kept))
	}
	return err
}

// endLogins ends the sign-ins under way: each stops when its record is gone. Of one that
// does not, the lock is taken away.
func (s *Store) endLogins(ctx context.Context) error {
	for _, id := range s.identities(pendingSuffix) {
		if err := s.withWriteLock(ctx, func() error { return s.disk.remove(ctx, id+pendingSuffix) }); err != nil {
			return fmt.Errorf("end the login in progress: %w", err)
		}
		wait, cancel := context.WithTimeout(ctx, removalWait)
		release, err := s.acquire(wait, id+loginSuffix, nil)
		cancel()
		switch {
		case err == nil:
			release()
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			if err := s.breakLock(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeFiles removes the files of the store as the only writer of the directory, its lock
// as the last: Windows removes no file that is open.
func (s *Store) removeFiles(ctx context.Context) (left []string, err error) {
	err = s.withWriteLock(ctx, func() error {
		if err := s.keepsNone(); err != nil { // a sign-in may have come to its end meanwhile
			return err
		}
		files, err := os.ReadDir(s.dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			switch ours := s.wrote(f); {
			case ours && f.Name() == writeLockName, !exists(filepath.Join(s.dir, f.Name())):
			case !ours:
				left = append(left, filepath.Join(s.dir, f.Name()))
			default:
				if err := s.disk.remove(ctx, f.Name()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if lock := filepath.Join(s.dir, writeLockName); err == nil && !slices.Contains(left, lock) {
		err = s.disk.remove(ctx, writeLockName)
	}
	return left, err
}

// removeEmpty removes the directory when nothing is in it any more. What a person has made
// of it stays: a link to it, and the place that something is mounted at.
func (s *Store) removeEmpty() (left []string, err error) {
	link, err := os.Lstat(s.dir)
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return nil, err
	}
	if err = os.Remove(target); err != nil {
		if inside, unread := os.ReadDir(target); unread == nil && len(inside) == 0 {
			return []string{s.dir}, nil
		}
		return nil, err
	}
	if link.Mode()&fs.ModeSymlink != 0 {
		left = []string{s.dir}
	}
	return left, nil
}

// identities are those that have a file with this suffix.
func (s *Store) identities(suffix string) (ids []string) {
	files, _ := os.ReadDir(s.dir) // nothing, where it cannot be read
	for _, f := range files {
		if id, found, ok := identityOf(f.Name()); ok && found == suffix {
			ids = append(ids, id)
		}
	}
	return ids
}
