package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// notify passes a message and a next step on to the person.
func (s *Store) notify(message, next string) {
	if s.notice == nil {
		s.log.Warn(message, "hint", next)
		return
	}
	s.notice(message, next)
}

// firstTime reports whether this process has not yet told what.
func (s *Store) firstTime(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.notified[what]
	s.notified[what] = true
	return first
}

// notifyOnce says something once per directory: a marker file remembers. Where
// none can be made it is said once per process.
func (s *Store) notifyOnce(marker, message, next string) {
	if !s.firstTime(marker) {
		return
	}
	f, err := os.OpenFile(filepath.Join(s.dir, marker), os.O_WRONLY|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return
	}
	if err == nil {
		_ = f.Close()
	}
	s.notify(message, next)
}

// unwritableNotice is the name of what notifyUnwritable says.
const unwritableNotice = "unwritable"

// notifyUnwritable announces, once per process, that logins cannot be kept. All else
// works.
func (s *Store) notifyUnwritable(err error) {
	if s.firstTime(unwritableNotice) {
		unkept := s.unkept(err)
		s.notify(unkept.Err.Error()+": a sign-in holds until this program ends", unkept.Hint)
	}
}

// unkept is the error that logins cannot be kept, in words for people.
func (s *Store) unkept(err error) *hint.Error {
	cause := err
	if number := syscall.Errno(0); errors.As(err, &number) { // the path stands in the message
		cause = number
	}
	return &hint.Error{Err: fmt.Errorf("logins cannot be kept in %s (%w)", s.dir, cause), Hint: useWritable(err)}
}

// Unwritable reports whether the person has been told that logins cannot be kept.
func (s *Store) Unwritable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notified[unwritableNotice]
}

// notifyUnreadable announces that a login is there but lost: the caller sees
// oauth.ErrNotFound and asks for a new one, and the person should know why.
func (s *Store) notifyUnreadable(key oauth.Key, err error) {
	if !errors.Is(err, oauth.ErrNotFound) || !s.firstTime(key.ID()) {
		return
	}
	var ke *KeyringError
	switch {
	case errors.Is(err, ErrKeyLost) && s.kind == KindPassphrase:
		s.notify("the key of the stored logins is gone from "+filepath.Join(s.dir, passphraseKeyName)+"; a new sign-in is needed", "nothing else is lost: the next sign-in makes a new key")
	case errors.Is(err, ErrKeyLost):
		s.notify("the OS keyring no longer has the key of the stored logins; a new sign-in is needed", "nothing else is lost: the next sign-in makes a new key")
	case errors.Is(err, ErrDamaged):
		s.notify("the stored login for "+key.Server+" cannot be read; a new sign-in is needed", "if this happens again, see which program changes files in "+s.dir)
	case errors.As(err, &ke):
		s.notify(fmt.Sprintf("the stored login for %s cannot be read (%v); a new sign-in is needed", key.Server, ke), ke.UserHint())
	}
}
