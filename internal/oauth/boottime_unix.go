//go:build linux || darwin

package oauth

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is how long the machine has been running or asleep.
func sinceBoot() (time.Duration, bool) {
	var at unix.Timespec
	err := unix.ClockGettime(bootClock, &at)
	return time.Duration(at.Nano()), err == nil
}
