//go:build linux || darwin

package oauth

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is how long the machine has been running or asleep. On macOS the monotonic
// clock goes on in sleep; Linux has another one for that (clock_gettime(3)).
func sinceBoot() (time.Duration, bool) {
	clock := int32(unix.CLOCK_MONOTONIC)
	if runtime.GOOS == "linux" {
		clock = 7 // CLOCK_BOOTTIME
	}
	var at unix.Timespec
	err := unix.ClockGettime(clock, &at)
	return time.Duration(at.Nano()), err == nil
}
