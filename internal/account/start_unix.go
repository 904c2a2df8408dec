//go:build unix

package account

import "syscall"

// detachments are ways to start a process that goes on when this one ends: in a session
// of its own, so that what ends this process and its group does not end it.
func detachments() []*syscall.SysProcAttr { return []*syscall.SysProcAttr{{Setsid: true}} }
