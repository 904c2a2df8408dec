//go:build unix

package account

import (
	"os/exec"
	"syscall"
)

// detached puts cmd into a session of its own, so that what ends this process
// and its group does not end it.
func detached(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}

// start starts cmd.
func start(cmd *exec.Cmd) error { return cmd.Start() }
