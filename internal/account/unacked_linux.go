package account

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacked bounds how long sent data may stay unacknowledged (RFC 5482);
// without it Linux tries for a quarter of an hour.
func limitUnacked(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	// A kernel without the option keeps its own limit.
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unackedLimit.Milliseconds()))
	})
}
