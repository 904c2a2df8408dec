package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth"
)

// What is known of the sign-ins that were shown for a server and profile is a
// note of their default account, and so is its lock: programs of earlier
// versions take both for notes, and remove them with the account.
const (
	asksSuffix     = cacheSuffix + "asks"
	asksLockSuffix = cacheSuffix + "asks-lock"
)

// asksFormat is the version of the record. What a later version adds is ignored.
const asksFormat = 1

type wireAsks struct {
	Format int `json:"format"`
	oauth.AskState
}

// ChangeAsks implements oauth.Store. Where nothing can be written, what f
// returned lasts as long as this Store.
func (s *Store) ChangeAsks(ctx context.Context, key oauth.Key, f func(oauth.AskState) oauth.AskState) error {
	id := oauth.Key{Server: key.Server, Profile: key.Profile}.ID()
	if s.knowsNoAsks(id) && len(f(oauth.AskState{}).Asks) == 0 {
		return nil
	}
	release, err := s.lockIdentity(ctx, id+asksLockSuffix, nil)
	if err != nil {
		return fmt.Errorf("lock what was asked: %w", err)
	}
	defer release()
	before, err := s.readAsks(ctx, id)
	if err != nil {
		return fmt.Errorf("read what was asked: %w", err)
	}
	var known wireAsks
	if json.Unmarshal(before, &known) != nil && len(before) > 0 {
		s.log.Warn("what is known of the sign-ins that were shown cannot be read and is forgotten")
		known = wireAsks{}
	}
	state := f(known.AskState)
	if len(state.Asks) == 0 {
		return s.removeAsks(ctx, id)
	}
	after, err := json.Marshal(wireAsks{asksFormat, state})
	if err != nil {
		return fmt.Errorf("encode what was asked: %w", err)
	}
	if bytes.Equal(before, after) {
		return nil
	}
	return s.writeAsks(ctx, id, after)
}

// knowsNoAsks reports whether there is no directory, and so nothing to know. None is made
// to keep nothing: a bridge that runs while somebody removes it would bring it back.
func (s *Store) knowsNoAsks(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory == nil && s.asks[id] == nil && !exists(s.dir)
}

func (s *Store) readAsks(ctx context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	b, unwritten := s.asks[id]
	s.mu.Unlock()
	if unwritten || s.memory != nil {
		return b, nil
	}
	b, err := readPrivate(ctx, filepath.Join(s.dir, id+asksSuffix))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return nil, nil
	}
	return b, err
}

func (s *Store) writeAsks(ctx context.Context, id string, b []byte) error {
	if s.memory == nil {
		_, err := s.disk.write(ctx, id+asksSuffix, b, false)
		if err == nil {
			s.setAsks(id, nil)
			return nil
		}
		if !unwritable(err) {
			return fmt.Errorf("keep what was asked: %w", err)
		}
		s.notifyUnwritable(err)
	}
	s.setAsks(id, b)
	return nil
}

func (s *Store) removeAsks(ctx context.Context, id string) error {
	s.setAsks(id, nil)
	if s.memory != nil {
		return nil
	}
	if err := s.disk.remove(ctx, id+asksSuffix); err != nil && !unwritable(err) {
		return fmt.Errorf("forget what was asked: %w", err)
	}
	return nil
}

// setAsks keeps in this Store what cannot be written, nil for nothing.
func (s *Store) setAsks(id string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == nil {
		delete(s.asks, id)
		return
	}
	s.asks[id] = b
}
