package neterror

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Windows has numbers of its own for these, which package syscall does not map.

func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

func isUnreachable(err error) bool {
	return errors.Is(err, windows.WSAENETUNREACH) || errors.Is(err, windows.WSAEHOSTUNREACH)
}
