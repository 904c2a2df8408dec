//go:build !windows

package binary

import (
	"os"
	"os/signal"
	"syscall"
)

// hearHangups lets programs under test end with their terminal although the tests run
// below nohup: a program inherits that hangups are ignored, but not that they are handled.
func hearHangups() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}
