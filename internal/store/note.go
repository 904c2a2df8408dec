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

	"mcp-login/internal/oauth"
)

// maxNote bounds one note in bytes.
const maxNote = 256 << 10

// maxNoteName bounds the name of a note.
const maxNoteName = 40

// isNoteName reports whether name can stand in a file name everywhere.
func isNoteName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxNoteName
}

// Note returns what SetNote kept under key and name: something known about the
// server that is no secret and can be found out again. It goes with the
// credential. nil means that nothing is known.
func (s *Store) Note(ctx context.Context, key oauth.Key, name string) ([]byte, error) {
	if !isNoteName(name) {
		return nil, fmt.Errorf("read a note: %q is no name for one", name)
	}
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		return bytes.Clone(s.memory.notes[key.ID()+noteSuffix+name]), nil
	}
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("read a note: %w", err)
	}
	b, _, err := readPrivate(ctx, filepath.Join(s.dir, key.ID()+noteSuffix+name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a note: %w", err)
	}
	return b, nil
}

// SetNote keeps data, at most 256 KiB, under key and name. name is of lower-case
// letters, digits and hyphens. A note that is already there is not written
// again.
func (s *Store) SetNote(ctx context.Context, key oauth.Key, name string, data []byte) error {
	switch known, err := s.Note(ctx, key, name); {
	case err == nil && known != nil && bytes.Equal(known, data):
		return nil
	case !isNoteName(name):
		return err
	case len(data) > maxNote:
		return errors.New("keep a note: it is larger than 256 KiB")
	}
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		s.memory.notes[key.ID()+noteSuffix+name] = bytes.Clone(data)
		return nil
	}
	if err := ensureDirectory(s.dir); err != nil {
		return fmt.Errorf("keep a note: %w", err)
	}
	if _, err := s.disk.write(ctx, key.ID()+noteSuffix+name, data, false); err != nil {
		return fmt.Errorf("keep a note: %w", err)
	}
	return nil
}

// removeNotes removes what is known under the identity id.
func (s *Store) removeNotes(ctx context.Context, id string) error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var failures []error
	for _, n := range names {
		if strings.HasPrefix(n.Name(), id+noteSuffix) {
			failures = append(failures, s.disk.remove(ctx, n.Name()))
		}
	}
	return errors.Join(failures...)
}
