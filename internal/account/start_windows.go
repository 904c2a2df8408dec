//go:build windows

package account

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detachments are ways to start a process that goes on when this one ends, the best first:
// in a process group of its own, with no console, and out of the job in which hosts put
// the programs that they end together; where that job lets nobody out, within it.
func detachments() []*syscall.SysProcAttr {
	const apart = windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS
	return []*syscall.SysProcAttr{
		{HideWindow: true, CreationFlags: apart | windows.CREATE_BREAKAWAY_FROM_JOB},
		{HideWindow: true, CreationFlags: apart},
	}
}
