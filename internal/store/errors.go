package store

import (
	"errors"
	"fmt"

	"mcp-login/internal/oauth"
)

// Sentinels that callers branch on. The first two wrap oauth.ErrNotFound: a
// new login is all that helps, and it replaces what cannot be read.
var (
	// ErrKeyLost means that the keyring works but no longer holds the key that
	// a stored credential was sealed with.
	ErrKeyLost = fmt.Errorf("the key of the stored login is gone from the keyring: %w", oauth.ErrNotFound)
	// ErrDamaged means that a stored credential was changed, cut, swapped with
	// another or never was one.
	ErrDamaged = fmt.Errorf("the stored login is damaged: %w", oauth.ErrNotFound)
	// ErrUnsafe means that a file or directory is not private to this user, or
	// not a file at all, and was not used.
	ErrUnsafe = errors.New("not safe to use")
	// ErrPassphrase means that the passphrase of KindPassphrase is missing,
	// unfit or not the right one.
	ErrPassphrase = errors.New("no usable passphrase")
	// errNoDirectory means that the store's directory is not there, and could not be made.
	errNoDirectory = errors.New("the store's directory cannot be made")
	// ErrNewer means that a newer release wrote the credential.
	ErrNewer = errors.New("written by a newer release")
)

// KeyringState says in which way a keyring did not answer with a value.
type KeyringState string

// The states of a keyring. Each has its own next step, see
// [KeyringError.UserHint].
const (
	// KeyringUnavailable: there is no keyring here, or nobody runs it.
	KeyringUnavailable KeyringState = "unavailable"
	// KeyringLocked: a person has to unlock it.
	KeyringLocked KeyringState = "locked"
	// KeyringTimeout: it did not answer in time, or waits for a person.
	KeyringTimeout KeyringState = "timed out"
	// KeyringNotFound: it works, and holds no such item.
	KeyringNotFound KeyringState = "item not found"
	// KeyringOther: everything else.
	KeyringOther KeyringState = "failed"
)

// KeyringError is a failed keyring call.
type KeyringError struct {
	// Op is the call: read or write.
	Op    string
	State KeyringState
	// Err is the cause, nil when the state says it all.
	Err error
}

// Error returns the call, the state and the cause.
func (e *KeyringError) Error() string {
	text := e.Op + " the OS keyring: " + string(e.State)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *KeyringError) Unwrap() error { return e.Err }

// UserHint returns the next step for people, by state.
func (e *KeyringError) UserHint() string {
	switch e.State {
	case KeyringUnavailable:
		return "start a keyring (on Linux a Secret Service such as gnome-keyring on a D-Bus session), or choose --store file or --store memory"
	case KeyringLocked:
		return "unlock the keyring, for example by signing in to the desktop, and try again; or choose --store file"
	case KeyringTimeout:
		return "look for a window that asks for the keyring's password, answer it and try again; restart the keyring if there is none; or choose --store file"
	}
	return "see whether another program can use the keyring, or choose --store file"
}

// keyringState returns the state in err's chain, "" when there is none.
func keyringState(err error) KeyringState {
	var ke *KeyringError
	if errors.As(err, &ke) {
		return ke.State
	}
	return ""
}
