package oauth

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth/grant"
)

// The time of day, which people and machines set, ends no login where the system has a
// clock that goes on in sleep.
func TestTheTimeOfDayEndsNoLogin(t *testing.T) {
	t.Parallel()
	switch runtime.GOOS {
	case "linux", "darwin", "windows":
		if now := BootTime(); now.Year() > 2000 || now.Unix() <= 0 {
			t.Error(now)
		}
	default:
		if now := BootTime(); now.Year() < 2000 {
			t.Error(now)
		}
	}
}

// The clock of timers stands still while a machine sleeps, and a clock that goes on then may be
// the time of day, which is set back. A login ends when either says that its time is over, and not before.
func TestSleepEndsALoginInTime(t *testing.T) {
	const life = 10 * time.Minute
	for name, c := range map[string]struct {
		jump time.Duration // of bootTime, after a minute
		ends time.Duration // awake
	}{
		"no sleep":             {0, life},
		"slept, and time left": {5 * time.Minute, 5 * time.Minute},
		"slept too long":       {time.Hour, time.Minute},
		"set back":             {-24 * time.Hour, life},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				client := &Client{bootTime: func() time.Time {
					now := time.Now().Round(0)
					if time.Since(began) > time.Minute {
						now = now.Add(c.jump)
					}
					return now
				}}
				ctx, cancel := context.WithTimeoutCause(t.Context(), life, grant.ErrLoginTimeout)
				defer cancel()
				ctx, end := context.WithCancelCause(ctx)
				go client.watch(ctx, end, client.bootTime().Add(life))
				<-ctx.Done()
				if got := time.Since(began); got < c.ends || got > c.ends+2*watchInterval || !errors.Is(context.Cause(ctx), grant.ErrLoginTimeout) {
					t.Errorf("ended after %v: %v", got, context.Cause(ctx))
				}
			})
		})
	}
}
