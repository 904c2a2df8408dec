//go:build !unix

package upstream

import "syscall"

// readable would need an own call of Winsock; net/http's reader finds most of
// such connections.
func readable(syscall.RawConn) bool { return false }
