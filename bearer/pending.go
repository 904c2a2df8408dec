package bearer

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pending is work under way whose one result goes to all who need it meanwhile. Its
// owner decides under his own lock whether one is joined or begun.
type pending[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func newPending[T any]() *pending[T] { return &pending[T]{done: make(chan struct{})} }

// end gives the result to all who wait. It is called once.
func (c *pending[T]) end(value T, err error) {
	c.value, c.err = value, err
	close(c.done)
}

// wait returns nil when the result is there, or why ctx has ended, which does not
// end the work.
func (c *pending[T]) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// result returns what end was given; before that it must not be called.
func (c *pending[T]) result() (T, error) { return c.value, c.err }

// doubled returns first, doubled n times, at most most.
func doubled(n int, first, most time.Duration) time.Duration {
	for ; n > 0 && first < most; n-- {
		first *= 2
	}
	return min(first, most)
}

// maxRetryAfter bounds what an issuer may ask for.
const maxRetryAfter = time.Hour

// retryAfter returns how long the value of a Retry-After header asks to wait, in
// seconds or by a date (RFC 9110 section 10.2.3); 0 where it says nothing of use.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	return 0
}
