//go:build !linux && !darwin && !windows

package oauth

import "time"

func sinceBoot() (time.Duration, bool) { return 0, false }
