package oauth

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot is how long the machine has been running or asleep (GetTickCount64).
func sinceBoot() (time.Duration, bool) { return windows.DurationSinceBoot(), true }
