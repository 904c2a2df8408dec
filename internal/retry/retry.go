package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Backoff returns the pause after n failures in a row, 0 being the first: that of
// [Doubled], and up to a quarter more by chance, so that many clients do not come
// back at once.
func Backoff(n int, first, most time.Duration) time.Duration {
	pause := Doubled(n, first, most)
	return pause + rand.N(pause/4+1)
}

// Doubled returns first, doubled n times, at most most but never less than first.
func Doubled(n int, first, most time.Duration) time.Duration {
	pause := first
	for ; n > 0 && pause < most; n-- {
		pause *= 2
	}
	return max(first, min(pause, most))
}

type repeatable struct{}

// Repeatable returns a context for a request that may be carried out twice: it
// changes nothing, or the same again.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatable{}, true)
}

// MayRepeat reports whether ctx is of Repeatable.
func MayRepeat(ctx context.Context) bool { return ctx.Value(repeatable{}) != nil }

// longest bounds what a server may ask for.
const longest = 24 * time.Hour

// After returns how long the value of a Retry-After header asks to wait at the time
// now, in seconds or by a date (RFC 9110, section 10.2.3): 0 where it says nothing
// that can be used, and at most a day.
func After(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	// Of a number that is too large ParseInt returns the largest there is.
	if seconds, err := strconv.ParseInt(value, 10, 64); (err == nil || errors.Is(err, strconv.ErrRange)) && seconds > 0 {
		return time.Duration(min(seconds, int64(longest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		// In whole seconds, as dates are; not before the date.
		return max(0, min(at.Sub(now)+time.Second-1, longest)).Truncate(time.Second)
	}
	return 0
}

// Every calls f after each d, until it returns false or stop is called. A call that is
// under way then is not waited for.
func Every(d time.Duration, f func() (again bool)) (stop func()) {
	var stopped atomic.Bool
	var next func()
	next = func() {
		if !stopped.Load() && f() {
			time.AfterFunc(d, next)
		}
	}
	first := time.AfterFunc(d, next)
	return func() {
		stopped.Store(true)
		first.Stop()
	}
}

// Await calls wait, and returns when it has, or with the cause when ctx ends before: then
// wait goes on by itself.
func Await(ctx context.Context, wait func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Sleep waits for d, or until ctx ends: then it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
