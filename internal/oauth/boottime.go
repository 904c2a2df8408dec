package oauth

import "time"

// BootTime returns what a clock shows that goes on while the machine sleeps, and that
// nobody sets where the system has such a clock; elsewhere the time of day. Only
// differences of it mean anything.
func BootTime() time.Time {
	if running, ok := sinceBoot(); ok {
		return time.Unix(0, 0).Add(running)
	}
	return time.Now().Round(0)
}
