package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"

	"mcp-login/internal/hint"
)

// Probe finds out whether a login made now would be kept, and in which kind of store.
// It asks the keyring, or for the passphrase, within the deadline of such a call, and
// writes a file as large as a login, reads it back and removes it; a keyring that has no
// key yet does the same with an item. With KindAuto, fallback is why the keyring does not
// work and the kind is KindFile; with a kind that was asked for by name that is err. The
// errors are *KeyringError, those of a passphrase, of the directory and of ctx.
func (s *Store) Probe(ctx context.Context) (kind Kind, fallback, err error) {
	if s.memory != nil {
		return KindMemory, nil, nil
	}
	if kind = s.kind; kind != KindFile {
		err = s.probeKey(ctx)
		if kind == KindAuto {
			if kind = KindKeyring; err != nil && ctx.Err() == nil {
				kind, fallback, err = KindFile, err, nil
			}
		}
	}
	if err == nil {
		err = s.probeDisk(ctx)
	}
	return kind, fallback, err
}

// probeKey finds out whether there is a key, or could be.
func (s *Store) probeKey(ctx context.Context) error {
	_, err := s.fetchKey(ctx)
	if keyringState(err) != KeyringNotFound {
		return err
	}
	ring, ok := s.keyring.inner.(interface {
		Delete(service, account string) error
	})
	if !ok { // the key would be a file
		return nil
	}
	item := rand.Text()
	back, err := s.keyring.call(ctx, "write", func() (string, error) {
		account := s.account + "-probe-" + item // of two probes at once neither removes the other's
		if err := s.keyring.inner.Set(keyringService, account, item); err != nil {
			return "", err
		}
		back, err := s.keyring.inner.Get(keyringService, account)
		return back, errors.Join(err, ring.Delete(keyringService, account))
	})
	if err == nil && back != item {
		err = &KeyringError{Op: "write", State: KeyringOther, Err: errors.New("another value was read back than was written")}
	}
	return err
}

// probeDisk writes, reads and removes a file.
func (s *Store) probeDisk(ctx context.Context) error {
	if err := ensureDirectory(s.dir); unwritable(err) {
		return s.unkept(err)
	} else if err != nil {
		return err
	}
	id := make([]byte, idCharacters/2)
	_, _ = rand.Read(id) // never fails: the program ends before it would
	name, data := hex.EncodeToString(id)+probeSuffix, bytes.Repeat(id, 4<<10/len(id))
	_, err := s.disk.write(ctx, name, data, true)
	if err != nil {
		return s.unkept(err)
	}
	back, err := readPrivate(ctx, filepath.Join(s.dir, name))
	if err == nil && !bytes.Equal(back, data) {
		err = errors.New("other bytes were read back than were written")
	}
	if err = errors.Join(err, s.disk.remove(ctx, name)); err != nil {
		return &hint.Error{Op: "keep a login in " + s.dir, Err: err, Hint: useAnotherDirectory}
	}
	return nil
}

// useWritable is what to do where nothing can be written, because of err.
func useWritable(err error) string {
	if diskFull(err) {
		return "make room on the disk, or set MCP_LOGIN_DIR to a directory on another one"
	}
	return "set MCP_LOGIN_DIR to a directory that you can write to"
}
