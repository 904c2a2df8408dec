package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mcp-login/internal/oauth"
)

// say passes a message and a next step on to the person.
func (s *Store) say(message, hint string) {
	if s.notice == nil {
		s.log.Warn(message, "hint", hint)
		return
	}
	s.notice(message, hint)
}

// firstTime reports whether this process has not yet told what.
func (s *Store) firstTime(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.told[what]
	s.told[what] = true
	return first
}

// tellOnce says something once per directory: a marker file remembers. Where
// none can be made it is said once per process.
func (s *Store) tellOnce(marker, message, hint string) {
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
	s.say(message, hint)
}

// tellNoRoom announces, once per process, that logins cannot be kept.
func (s *Store) tellNoRoom(err error) {
	if s.firstTime("no room") {
		s.say(fmt.Sprintf("nothing can be written to %s (%v): logins last until this program ends", s.dir, err), "make room, or set MCP_LOGIN_DIR to another directory")
	}
}

// tellUnreadable announces that a login is there but lost: the caller sees
// oauth.ErrNotFound and asks for a new one, and the person should know why.
func (s *Store) tellUnreadable(key oauth.Key, err error) {
	if !errors.Is(err, oauth.ErrNotFound) || !s.firstTime(key.ID()) {
		return
	}
	var ke *KeyringError
	switch {
	case errors.Is(err, ErrKeyLost) && s.kind == KindPassphrase:
		s.say("the key of the stored logins is gone from "+filepath.Join(s.dir, passphraseKeyName)+"; a new sign-in is needed", "nothing else is lost: the next sign-in makes a new key")
	case errors.Is(err, ErrKeyLost):
		s.say("the OS keyring no longer has the key of the stored logins; a new sign-in is needed", "nothing else is lost: the next sign-in makes a new key")
	case errors.Is(err, ErrDamaged):
		s.say("the stored login for "+key.Server+" cannot be read; a new sign-in is needed", "if this happens again, see which program changes files in "+s.dir)
	case errors.As(err, &ke):
		s.say(fmt.Sprintf("the stored login for %s cannot be read (%v); a new sign-in is needed", key.Server, ke), ke.UserHint())
	}
}
