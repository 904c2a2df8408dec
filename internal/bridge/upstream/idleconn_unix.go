//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// readable reports whether a read would return at once, with bytes, the end or an
// error.
func readable(raw syscall.RawConn) (now bool) {
	// Not raw.Read, which would wait for the read that net/http has begun.
	_ = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		now = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return now
}
