package foreign

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// outagePause and outageMaxPause are how long nothing more is logged about a peer that goes
// on failing: the pause doubles, so that a long outage is a few lines.
const (
	outagePause    = time.Minute
	outageMaxPause = time.Hour
)

// Outage logs that a peer fails: at once, from time to time while that lasts, and when it
// is over. One that fails every now and then is logged once in a minute.
type Outage struct {
	Peer string // how a line about it begins
	Log  *slog.Logger

	failing  atomic.Bool // written with mu
	mu       sync.Mutex
	failures int // in a row
	since    time.Time
	lines    int // about them
	next     time.Time
}

// Report says how a request to the peer ended, attrs what else is logged of an error. What
// was called off says nothing about the peer.
func (o *Outage) Report(err error, attrs ...any) {
	if err == nil && !o.failing.Load() || errors.Is(err, context.Canceled) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.failing.Store(err != nil)
	if err == nil {
		if o.lines > 0 {
			o.Log.Info(o.Peer+" answers again", "failures", o.failures, "duration_ms", now.Sub(o.since).Milliseconds())
		}
		o.failures, o.lines = 0, 0
		if soon := now.Add(outagePause); o.next.After(soon) {
			o.next = soon // the next one is another outage
		}
		return
	}
	if o.failures++; o.failures == 1 {
		o.since = now
	}
	if now.Before(o.next) {
		return
	}
	o.Log.Warn(o.Peer+" gives no usable answer", append(attrs, "failures", o.failures, "since", o.since, "error", Message(err.Error()))...)
	o.next = now.Add(min(outagePause<<min(o.lines, 6), outageMaxPause))
	o.lines++
}
