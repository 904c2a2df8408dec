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

const (
	maxCache     = 256 << 10 // bytes of one cached value
	maxCacheName = 40        // characters
)

// isCacheName reports whether every file system takes name in a file name.
func isCacheName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxCacheName
}

// LoadCache returns what SaveCache kept under key and name, nil for nothing. It is
// about the server, holds no secret, can be found out again, and is removed with
// the credential.
func (s *Store) LoadCache(ctx context.Context, key oauth.Key, name string) ([]byte, error) {
	if !isCacheName(name) {
		return nil, fmt.Errorf("read the cached value: %q is no name for one", name)
	}
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		return bytes.Clone(s.memory.cache[key.ID()+cacheSuffix+name]), nil
	}
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("read the cached value: %w", err)
	}
	b, err := readPrivate(ctx, filepath.Join(s.dir, key.ID()+cacheSuffix+name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cached value: %w", err)
	}
	return b, nil
}

// SaveCache keeps data, at most 256 KiB, under key and name. name is of lower-case
// letters, digits and hyphens. A value that is there already is not written again.
func (s *Store) SaveCache(ctx context.Context, key oauth.Key, name string, data []byte) error {
	switch known, err := s.LoadCache(ctx, key, name); {
	case err == nil && known != nil && bytes.Equal(known, data):
		return nil
	case !isCacheName(name):
		return err
	case len(data) > maxCache:
		return errors.New("cache the value: it is larger than 256 KiB")
	}
	return s.writeCache(ctx, key, name, data)
}

// writeCache is SaveCache for a value that was looked at.
func (s *Store) writeCache(ctx context.Context, key oauth.Key, name string, data []byte) error {
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		s.memory.cache[key.ID()+cacheSuffix+name] = bytes.Clone(data)
		return nil
	}
	if err := ensureDirectory(s.dir); err != nil {
		return fmt.Errorf("cache the value: %w", err)
	}
	if _, err := s.disk.write(ctx, key.ID()+cacheSuffix+name, data, false); err != nil {
		return fmt.Errorf("cache the value: %w", err)
	}
	return nil
}

// ErrNoSeal means that a store has no key to seal with: one of plain files, or in memory.
var ErrNoSeal = errors.New("this store does not encrypt what it keeps")

// LoadSealed returns what SaveSealed kept under key and name, nil for nothing. What was
// changed, moved, or sealed with a key that is gone is an error.
func (s *Store) LoadSealed(ctx context.Context, key oauth.Key, name string) ([]byte, error) {
	if s.memory != nil || s.kind == KindFile {
		return nil, nil
	}
	file, err := s.LoadCache(ctx, key, name)
	if err != nil || file == nil {
		return nil, err
	}
	data, err := s.unseal(ctx, key.ID()+cacheSuffix+name, file)
	if err != nil {
		return nil, fmt.Errorf("open the cached value: %w", err)
	}
	return data, nil
}

// SaveSealed is SaveCache for what only the person of this account may read: it is
// sealed as a credential is, and bound to key and name. Together with the seal it may have
// 1 MiB. A store that does not seal keeps nothing and returns ErrNoSeal. What was kept before
// goes with an error.
func (s *Store) SaveSealed(ctx context.Context, key oauth.Key, name string, data []byte) error {
	switch {
	case s.memory != nil:
		return ErrNoSeal
	case !isCacheName(name):
		return fmt.Errorf("seal the value: %q is no name for one", name)
	}
	err := s.saveSealed(ctx, key, name, data)
	if err != nil {
		if failure := s.disk.remove(ctx, key.ID()+cacheSuffix+name); failure != nil {
			err = fmt.Errorf("%w; what was kept before stays: %w", err, failure)
		}
	}
	return err
}

func (s *Store) saveSealed(ctx context.Context, key oauth.Key, name string, data []byte) error {
	if s.kind == KindFile {
		return ErrNoSeal
	}
	if err := ensureDirectory(s.dir); err != nil {
		return fmt.Errorf("seal the value: %w", err)
	}
	k, err := s.ensureKey(ctx, s.currentKeyID(ctx, key.ID()))
	if err != nil {
		return fmt.Errorf("seal the value: %w", err)
	}
	file, err := seal(k, key.ID()+cacheSuffix+name, data)
	if err != nil {
		return fmt.Errorf("seal the value: %w", err)
	}
	return s.writeCache(ctx, key, name, file)
}

// ForgetServers removes what is cached of all servers, those without a login included.
func (s *Store) ForgetServers(ctx context.Context) error {
	if s.memory != nil {
		return nil // it ends with the process
	}
	if err := s.withWriteLock(ctx, func() error { return s.removeCache(ctx, "") }); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what is known of servers: %w", err)
	}
	return nil
}

// removeCache removes the cached values of the identity id, or of all for "".
func (s *Store) removeCache(ctx context.Context, id string) error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var failures []error
	for _, n := range names {
		if strings.Contains(n.Name(), id+cacheSuffix) {
			failures = append(failures, s.disk.remove(ctx, n.Name()))
		}
	}
	return errors.Join(failures...)
}
