package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideMemory lets no debugger attach to this process (PT_DENY_ATTACH in ptrace(2)),
// unless dumpableName is set. Core files are off by default there, and a limit
// would be inherited by browsers.
func hideMemory() {
	if os.Getenv(dumpableName) == "" {
		_ = unix.PtraceDenyAttach()
	}
}
