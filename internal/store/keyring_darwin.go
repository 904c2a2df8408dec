package store

import (
	"errors"
	"os/exec"
)

// reachable: the keychain needs no address.
func reachable(func(string) string) error { return nil }

// Exit codes of /usr/bin/security: the low byte of the OSStatus.
const (
	exitInteractionNotAllowed = 36  // errSecInteractionNotAllowed: locked, and nobody to ask
	exitNoDefaultKeychain     = 37  // errSecNoDefaultKeychain
	exitNoSuchKeychain        = 50  // errSecNoSuchKeychain
	exitAuthFailed            = 51  // errSecAuthFailed
	exitUserCanceled          = 128 // userCanceledErr
)

func platformState(err error) KeyringState {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return KeyringOther
	}
	switch exit.ExitCode() {
	case exitInteractionNotAllowed, exitAuthFailed, exitUserCanceled:
		return KeyringLocked
	case exitNoDefaultKeychain, exitNoSuchKeychain:
		return KeyringUnavailable
	}
	return KeyringOther
}
