//go:build !linux

package account

import "syscall"

// limitUnacked does nothing here: these systems give up on unacknowledged data
// by themselves within half a minute (Windows) or minutes (macOS).
func limitUnacked(string, string, syscall.RawConn) error { return nil }
