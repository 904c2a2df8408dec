//go:build !unix

package upstream

import "syscall"

// readable would need a call of Winsock that package syscall does not have. net/http's own
// reader finds most of the closed connections.
func readable(syscall.RawConn) bool { return false }
