package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth"
)

// Pending is a login in progress, for those who wait for it: other bridges
// show its address, status names it.
type Pending struct {
	// URL is where the person signs in: the provider. Who has its state can
	// deliver an answer.
	URL string `json:"url"`
	// Issuer is the authorization server there.
	Issuer string `json:"issuer,omitzero"`
	// LocalURL is an address of this machine that leads to URL once, for a
	// browser on this machine, and Cookie is the Cookie header of the browser
	// that has opened it; "" where there is none.
	LocalURL string `json:"local_url,omitzero"`
	Cookie   string `json:"mark,omitzero"`
	// Here tells that LocalURL is what the person was shown.
	Here bool `json:"here,omitzero"`
	// UserCode is what the person types there, of a device authorization
	// (RFC 8628, section 3.2); "" otherwise.
	UserCode string `json:"user_code,omitzero"`
	// RedirectURI is where the answer is awaited; "" with a device
	// authorization, and before the address is known.
	RedirectURI string `json:"redirect_uri,omitzero"`
	// PasteFrom is where the browser ends instead, "" where that is the same.
	PasteFrom string `json:"paste_from,omitzero"`
	// Started is when the login began, Deadline when it gives up; zero when
	// it does not say.
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline,omitzero"`
	// PID is the process that asks, for people to look at. With Started it tells this
	// login from the next one. A waiter tries the lock at once where no such process
	// exists here; nothing else depends on it, since ids repeat in containers.
	PID int `json:"pid,omitzero"`
}

// pendingFile is what is on disk.
type pendingFile struct {
	Pending `json:",inline"`
	// Died says that its process ended without a word. Nobody signs in then.
	Died bool `json:"died,omitzero"`
}

// SetPending publishes the login in progress under key, replacing an earlier
// record. The caller holds the LockLogin of key from this Store; the record goes
// with it, and one left by a process that died counts as absent. oauth.ErrEnded
// says that somebody has taken the earlier record away, with EndLogin: it stays
// away.
func (s *Store) SetPending(ctx context.Context, key oauth.Key, p Pending) error {
	id := key.ID()
	if !s.isHeld(id + loginSuffix) {
		return errors.New("publish the login in progress: the lock is not held")
	}
	p.Started, p.Deadline = utc(p.Started), utc(p.Deadline)
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		s.memory.pending[id] = p
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("publish the login in progress: %w", err)
	}
	err = s.withWriteLock(ctx, func() error {
		if s.isHeld(id+pendingSuffix) && !s.Permitted(key) {
			return oauth.ErrEnded
		}
		s.mu.Lock()
		s.published[id] = seenLogin{pid: p.PID, started: p.Started}
		s.mu.Unlock()
		_, err := s.disk.write(ctx, id+pendingSuffix, b, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish the login in progress: %w", err)
	}
	s.setHeld(id+pendingSuffix, true)
	return nil
}

// Pending returns the login in progress under key, of this process or another;
// ok is false when there is none. It does not wait.
func (s *Store) Pending(ctx context.Context, key oauth.Key) (p Pending, ok bool, err error) {
	id := key.ID()
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		p, ok = s.memory.pending[id]
		return p, ok, nil
	}
	r, err := s.readPending(ctx, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && r.Died {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read the login in progress: %w", err)
	}
	// A free lock means that the holder died: only the kernel knows that.
	if release, free, err := s.tryKernelLock(filepath.Join(s.dir, id+loginSuffix)); err == nil && free {
		s.markDied(ctx, id)
		release()
		return p, false, nil
	}
	return r.Pending, true, nil
}

// readPending reads the record of the login in progress; the error is fs.ErrNotExist
// where there is none.
func (s *Store) readPending(ctx context.Context, id string) (r pendingFile, err error) {
	if err := checkDirectory(s.dir); err != nil {
		return r, err
	}
	b, err := readPrivate(ctx, filepath.Join(s.dir, id+pendingSuffix))
	if err != nil {
		return r, err
	}
	if json.Unmarshal(b, &r) != nil {
		return r, ErrDamaged
	}
	return r, nil
}

// LoginDied implements oauth.Store.
func (s *Store) LoginDied(ctx context.Context, key oauth.Key) bool {
	if s.memory != nil {
		return false
	}
	r, err := s.readPending(ctx, key.ID())
	return err == nil && r.Died
}

// markDied is called by whoever has just got the lock. The record of a login is gone
// when it has ended, so that one that is there is of a process that died.
func (s *Store) markDied(ctx context.Context, id string) {
	if s.memory != nil || !exists(filepath.Join(s.dir, id+pendingSuffix)) {
		return
	}
	b, err := json.Marshal(pendingFile{Died: true})
	if err == nil {
		_, err = s.disk.write(ctx, id+pendingSuffix, b, false)
	}
	if err != nil {
		s.log.Debug("cannot keep that the process of a login died", "error", err)
	}
}

// EndLogin ends the login in progress under key, if there is one: it removes the
// record, and the process of the login stops when it sees that (see Permitted).
func (s *Store) EndLogin(ctx context.Context, key oauth.Key) error {
	if s.memory != nil {
		s.removePending(key.ID())
		return nil
	}
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("end the login in progress: %w", err)
	}
	err := s.withWriteLock(ctx, func() error { return s.disk.remove(ctx, key.ID()+pendingSuffix) })
	if err != nil {
		return fmt.Errorf("end the login in progress: %w", err)
	}
	return nil
}

// Permitted reports whether the login that this Store has published under key
// may go on: nobody has taken its record away, or put that of another login there
// since this process was stopped.
func (s *Store) Permitted(key oauth.Key) bool {
	if s.memory != nil {
		return true
	}
	return s.publishedHere(context.Background(), key.ID())
}

// removePending is called by whoever holds the lock.
func (s *Store) removePending(id string) {
	if s.memory != nil {
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		delete(s.memory.pending, id)
		return
	}
	if err := s.disk.remove(context.Background(), id+pendingSuffix); err != nil {
		s.log.Debug("cannot remove the record of a login in progress", "error", err)
	}
}
