package terminal

import (
	"context"
	"fmt"
	"io"
	"time"
)

// eraseLine goes back to the first column and clears what stands there.
const eraseLine = "\r\x1b[K"

// maxLive is how many columns the live line takes: all that is sure to be one
// line, which eraseLine can take away.
const maxLive = 76

// live reports whether there is a live line at all.
func (t *Terminal) live() bool { return t.config.ErrIsTerminal && !t.config.Plain }

// Live draws the line that changes, unless ctx is done: what is written after that
// is not followed by a line that is out of date. Each argument is filtered.
func (t *Terminal) Live(ctx context.Context, format string, args ...any) {
	filterArguments(args)
	limit := maxLive
	if window := t.columns(true); window > 0 {
		limit = min(limit, window-1)
	}
	text := fit(fmt.Sprintf(format, args...), limit)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.live() || ctx.Err() != nil {
		return
	}
	_, _ = io.WriteString(t.config.Err, eraseLine+text)
	t.drawn = true
}

// Clear takes the live line away.
func (t *Terminal) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
}

// erase is Clear for callers that hold the lock.
func (t *Terminal) erase() {
	if t.drawn {
		_, _ = io.WriteString(t.config.Err, eraseLine)
		t.drawn = false
	}
}

// CountDown shows on the live line how long a sign-in may still take, until ctx is
// done.
func (t *Terminal) CountDown(ctx context.Context, deadline time.Time) {
	if !t.live() || deadline.IsZero() {
		return
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		left := max(time.Until(deadline).Round(time.Second), 0)
		t.Live(ctx, "waiting for the sign-in, %d:%02d left; Ctrl-C gives up", int(left.Minutes()), int(left.Seconds())%60)
		select {
		case <-ctx.Done():
			t.Clear()
			return
		case <-second.C:
		}
	}
}
