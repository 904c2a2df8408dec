package binary

import (
	"testing"
	"time"
)

// Until waits until cond holds, for what another process does and says nowhere. It asks
// every few milliseconds, and fails the test after half a minute.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit, look := time.After(awaitLimit), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
