package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideMemory keeps other processes of the same user from reading tokens out of
// this one: no ptrace, no /proc/PID/mem and environ, no core file (PR_SET_DUMPABLE
// in prctl(2)). The kernel takes it back with execve, so that browsers and their
// helpers are as they always are; a limit on core files would be theirs as well,
// and is not set. A kernel that refuses changes nothing else. Debuggers and
// profilers of the same user need dumpableName.
func hideMemory() {
	if os.Getenv(dumpableName) == "" {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
}
