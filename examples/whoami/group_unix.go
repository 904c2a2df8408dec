//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inOwnGroup puts cmd into a process group of its own: the signals of the terminal
// reach the demo alone, which ends cmd in order.
func inOwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt tells cmd, and what it has started, to end.
func interrupt(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
