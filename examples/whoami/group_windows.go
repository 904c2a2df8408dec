package main

import (
	"os/exec"
	"syscall"
)

// inOwnGroup puts cmd into a process group of its own: Ctrl-C reaches the demo alone,
// which ends cmd in order.
func inOwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt ends cmd; what it has started ends by itself.
func interrupt(cmd *exec.Cmd) error { return cmd.Process.Kill() }
