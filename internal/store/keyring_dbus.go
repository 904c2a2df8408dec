//go:build unix && !darwin

package store

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

// reachable refuses before go-keyring is called when there is no D-Bus
// session: it would start dbus-launch and leave a bus daemon behind. The two
// places are the ones that the D-Bus library looks at.
func reachable(getenv func(string) string) error {
	address := getenv("DBUS_SESSION_BUS_ADDRESS")
	if address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return nil
	}
	if socket := fmt.Sprintf("/run/user/%d/bus", os.Getuid()); isSocket(socket) {
		return nil
	}
	err := errors.New("no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)")
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" && isSocket(dir+"/bus") {
		err = fmt.Errorf("no D-Bus session: set DBUS_SESSION_BUS_ADDRESS=unix:path=%s/bus to use the one in XDG_RUNTIME_DIR", dir)
	}
	return &KeyringError{State: KeyringUnavailable, Err: err}
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

// platformState reads the errors of the D-Bus library and the Secret Service
// (Secret Service API, "Errors"). go-keyring's own failure to unlock has no
// type, so that its text has to do.
func platformState(err error) KeyringState {
	var answer dbus.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &answer):
		return busState(answer.Name)
	case errors.As(err, &dial), errors.Is(err, os.ErrNotExist), errors.Is(err, dbus.ErrClosed):
		return KeyringUnavailable
	case strings.Contains(err.Error(), "failed to unlock"):
		return KeyringLocked
	}
	return KeyringOther
}

func busState(name string) KeyringState {
	switch {
	case name == "org.freedesktop.Secret.Error.IsLocked":
		return KeyringLocked
	case name == "org.freedesktop.DBus.Error.NoReply", name == "org.freedesktop.DBus.Error.Timeout", name == "org.freedesktop.DBus.Error.TimedOut":
		return KeyringTimeout
	case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner",
		name == "org.freedesktop.DBus.Error.Disconnected", strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn."):
		return KeyringUnavailable
	}
	return KeyringOther
}
