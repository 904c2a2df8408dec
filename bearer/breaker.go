package bearer

import (
	"fmt"
	"sync"
	"time"

	"mcp-login/internal/retry"
)

const (
	// breakerLimit is how many calls in a row must fail before no more are made.
	breakerLimit = 5
	// breakerPause and breakerMaxPause are how long none is made then. The
	// pause doubles each time the one call that ends it fails too.
	breakerPause    = retryPause
	breakerMaxPause = time.Minute
)

// unavailable is an ErrUnavailable that knows when to come back.
type unavailable struct {
	reason string
	after  time.Duration
}

func (u *unavailable) Error() string {
	return fmt.Sprintf("authorization server unavailable: %s (again in %s)", u.reason, u.after.Round(time.Second))
}

func (u *unavailable) Is(target error) bool { return target == ErrUnavailable }

// busy is an unavailable for a moment.
func busy(reason string) error { return &unavailable{reason, time.Second} }

// breaker stops calls of a provider that does not answer, so that requests
// fail at once instead of queueing up and the provider can recover.
type breaker struct {
	name string

	mu       sync.Mutex
	failures int       // in a row
	openings int       // in a row
	until    time.Time // no call before; zero: closed
	probing  bool      // the one call that may close it is under way
}

// allow reports whether a call may be made. Each that may is followed by one
// call of report.
func (b *breaker) allow() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return nil
	}
	if left := time.Until(b.until); left > 0 {
		return &unavailable{b.name + " has failed repeatedly", left}
	}
	if b.probing {
		return busy(b.name + " is being tried again")
	}
	b.probing = true
	return nil
}

// report says how a call ended: whether the provider gave an answer that says
// something about the token, and how long it asked to be left alone (0: it did
// not).
func (b *breaker) report(answered bool, alone time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answered {
		b.failures, b.openings, b.until, b.probing = 0, 0, time.Time{}, false
		return
	}
	b.failures++
	open := b.probing || alone > 0 || b.failures >= breakerLimit && b.until.IsZero()
	b.probing = false
	if !open {
		return
	}
	pause := retry.Doubled(b.openings, breakerPause, breakerMaxPause)
	b.openings++
	b.until = time.Now().Add(min(max(pause, alone), breakerMaxPause))
}

// isOpen reports whether calls are being held back.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}
