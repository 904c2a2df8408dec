package terminal

import (
	"context"
	"fmt"
	"io"
	"time"
)

// eraseLine moves to the first column and clears the line (ECMA-48, CR and EL).
const eraseLine = "\r\x1b[K"

// maxLive bounds the live line, in columns: eraseLine clears one row only, so the
// line must not wrap in a window of 80.
const maxLive = 76

// live reports whether a live line may be drawn.
func (t *Terminal) live() bool { return t.config.ErrIsTerminal && !t.config.Plain }

// Live draws the live line, unless ctx is done: an update that comes late does not
// bring the line back. Each argument is filtered.
func (t *Terminal) Live(ctx context.Context, format string, args ...any) {
	filterArguments(args)
	limit := maxLive
	if window := t.columns(true); window > 0 {
		limit = min(limit, window-1)
	}
	text := truncate(fmt.Sprintf(format, args...), limit)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.live() || ctx.Err() != nil {
		return
	}
	_, _ = io.WriteString(t.config.Err, eraseLine+text)
	t.drawn = true
}

// Clear erases the live line.
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
