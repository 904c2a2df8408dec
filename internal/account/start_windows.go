//go:build windows

package account

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detached gives cmd a process group and no console, and takes it out of the
// job in which hosts put the programs that they end together.
func detached(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS | windows.CREATE_BREAKAWAY_FROM_JOB,
	}
}

// start starts cmd; where the job lets nobody out, within the job.
func start(cmd *exec.Cmd) error {
	err := cmd.Start()
	if err == nil {
		return nil
	}
	again := *cmd
	again.SysProcAttr.CreationFlags &^= windows.CREATE_BREAKAWAY_FROM_JOB
	*cmd = again
	return cmd.Start()
}
