//go:build unix

package command

import (
	"errors"
	"os/exec"
	"syscall"
)

// start starts cmd in a session of its own, without a terminal that it could ask
// somebody at. end ends it with all that it has started.
func start(cmd *exec.Cmd) (end func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	end = func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = func() error { end(); return nil }
	return end, cmd.Start()
}

// runnable reports whether a file is run as it is.
func runnable(string) bool { return true }

// On Windows alone.
var errScript = errors.New("it is a script")

const scriptHint = ""
