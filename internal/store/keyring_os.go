package store

import (
	"errors"
	"os/exec"

	"github.com/zalando/go-keyring"
)

// osKeyring is the keyring of the operating system: macOS Keychain, Windows
// Credential Manager, or the Secret Service of a D-Bus session. getenv must
// show what the process sees, because go-keyring looks there itself.
type osKeyring struct{ getenv func(string) string }

// Get implements keyringBackend.
func (k osKeyring) Get(service, account string) (string, error) {
	if err := reachable(k.getenv); err != nil {
		return "", err
	}
	v, err := keyring.Get(service, account)
	return v, classify(err)
}

// Set implements keyringBackend.
func (k osKeyring) Set(service, account, secret string) error {
	if err := reachable(k.getenv); err != nil {
		return err
	}
	return classify(keyring.Set(service, account, secret))
}

// classify names the state behind an error of go-keyring, which knows only
// one of them by type.
func classify(err error) error {
	if err == nil {
		return nil
	}
	state := platformState(err)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return &KeyringError{State: KeyringNotFound}
	case errors.Is(err, keyring.ErrUnsupportedPlatform), errors.Is(err, exec.ErrNotFound):
		state = KeyringUnavailable
	}
	return &KeyringError{State: state, Err: err}
}
