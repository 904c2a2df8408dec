package store

import (
	"errors"

	"golang.org/x/sys/windows"
)

// reachable: Credential Manager needs no address.
func reachable(func(string) string) error { return nil }

func platformState(err error) KeyringState {
	// A service or a network logon has no credential set.
	if errors.Is(err, windows.ERROR_NO_SUCH_LOGON_SESSION) {
		return KeyringUnavailable
	}
	return KeyringOther
}
