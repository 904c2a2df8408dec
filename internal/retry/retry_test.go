package retry_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/retry"
)

func TestDoubledStopsAtTheMost(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 1, 1: 2, 2: 4, 3: 8, 4: 10, 1000: 10, math.MaxInt: 10} {
		if got := retry.Doubled(n, time.Second, 10*time.Second); got != want*time.Second {
			t.Errorf("after %d: %v", n, got)
		}
	}
	if got := retry.Doubled(5, time.Minute, time.Second); got != time.Minute {
		t.Errorf("the first one is above the cap: %v", got)
	}
}

func TestBackoffAddsUpToAQuarter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		got := retry.Backoff(2, time.Second, 10*time.Second)
		if seen[got] = true; got < 4*time.Second || got > 5*time.Second {
			t.Fatal(got)
		}
	}
	if len(seen) == 1 {
		t.Error("always the same")
	}
}

func TestAfterReadsSecondsAndDates(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "0": 0, "soon": 0, "1.5": 0,
		"99999999999999999999": 24 * time.Hour, "86401": 24 * time.Hour,
		"Sat, 28 Nov 2026 12:01:00 GMT": time.Minute, "Saturday, 28-Nov-26 12:01:00 GMT": time.Minute, "Sat Nov 28 12:01:00 2026": time.Minute,
		"Sat, 28 Nov 2026 11:00:00 GMT": 0, "Sat, 28 Nov 2099 12:00:00 GMT": 24 * time.Hour,
	} {
		if got := retry.After(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer stop()
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, cause) {
			t.Error(err)
		}
	})
}

// RFC 9110, section 10.2.3: a wait is never negative; a number of seconds is
// taken as it is, up to a day.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "2", "-1", "3600", "86401", "9223372036854775807", "99999999999999999999", "1.5", " 2", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:02 GMT", "soon"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		got := retry.After(value, now)
		if got < 0 || got > 24*time.Hour {
			t.Errorf("%q: %v", value, got)
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			if want := time.Duration(min(max(n, 0), 24*3600)) * time.Second; got != want {
				t.Errorf("%q: %v, want %v", value, got, want)
			}
		}
	})
}

func TestEveryCallsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		stop := retry.Every(time.Second, func() bool { return calls.Add(1) < 3 })
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
		stop()
		stop = retry.Every(time.Second, func() bool { calls.Add(1); return true })
		time.Sleep(2*time.Second + time.Millisecond)
		stop()
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls after the stop, want 5", n)
		}
	})
}

func TestAllWhoWaitGetTheResultOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := retry.NewCall[int]()
		gone, leave := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		var waiters sync.WaitGroup
		waiters.Go(func() {
			if err := call.Wait(gone); !errors.Is(err, cause) {
				t.Error(err)
			}
		})
		for range 3 {
			waiters.Go(func() {
				if err := call.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if n, err := call.Result(); n != 7 || err != nil {
					t.Error(n, err)
				}
			})
		}
		synctest.Wait()
		leave(cause)
		synctest.Wait()
		call.End(7, nil)
		waiters.Wait()
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := retry.Await(t.Context(), func() { time.Sleep(time.Hour) }); err != nil {
			t.Error(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		if err := retry.Await(ctx, func() { time.Sleep(time.Hour) }); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(2 * time.Hour)
	})
}
