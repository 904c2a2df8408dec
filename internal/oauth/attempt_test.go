package oauth

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"mcp-login/internal/oauth/grant"
)

// An error that matches several kinds is kept as one of them, the same each
// time, and comes back as that one in another process.
func TestErrorHasOneKind(t *testing.T) {
	for i, first := range kinds {
		for _, second := range kinds[i:] {
			for _, err := range []error{
				errors.Join(second.sentinel, first.sentinel),
				&grant.Error{Op: "sign in", Err: fmt.Errorf("%w: %w", first.sentinel, second.sentinel)},
			} {
				for range 32 { // a walk over a map begins anywhere
					kept := Attempt{}.failed(err, time.Now())
					if kept.Kind != first.name {
						t.Fatalf("%v is kept as %q, want %q", err, kept.Kind, first.name)
					}
					if !errors.Is(kept.err(), first.sentinel) {
						t.Fatalf("%v comes back as %v", err, kept.err())
					}
				}
			}
		}
	}
}
