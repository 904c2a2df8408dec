//go:build unix

package bus

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A Redis that hangs is waited for once, and briefly; while that is known, not at
// all. Once it goes on all is as before.
func TestRememberDoesNotWaitForARedisThatHangs(t *testing.T) {
	service := real.Redis(t)
	r := dial(t, service)
	what, until := sha256.Sum256([]byte("proof")), time.Now().Add(time.Minute)
	service.Pause(t)
	if _, err := r.Remember(t.Context(), what, until); !errors.Is(err, context.DeadlineExceeded) { // without a bound go-redis says what it met at last
		t.Errorf("it waited for as long as go-redis does: %v", err)
	}
	if _, err := r.Remember(t.Context(), what, until); !errors.Is(err, errNotHealthy) {
		t.Errorf("Redis was asked although it is known to hang: %v", err)
	}
	service.Continue(t)
	binary.Until(t, "the bus to go on", func() bool {
		_, err := r.Remember(t.Context(), what, until)
		return err == nil
	})
}
