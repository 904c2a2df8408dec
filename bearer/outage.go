package bearer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/retry"
)

// outagePause and outageMaxPause are how long nothing more is logged about an endpoint that
// goes on failing: the pause doubles, so that a long outage is a few lines.
const (
	outagePause    = time.Minute
	outageMaxPause = time.Hour
)

// outage logs that an endpoint of the issuer fails: at once, from time to time while that
// lasts, and when it is over. One that fails every now and then is logged once in
// outagePause.
type outage struct {
	log *slog.Logger // says which endpoint, of which issuer

	mu       sync.Mutex
	failures int // in a row
	since    time.Time
	lines    int // about them
	next     time.Time
}

// report says how a request to the endpoint ended.
func (o *outage) report(err error) {
	if errors.Is(err, context.Canceled) { // the server stops
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if err == nil {
		if o.lines > 0 {
			o.log.Info("the issuer answers again", "failures", o.failures, "duration_ms", now.Sub(o.since).Milliseconds())
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
	o.log.Warn("the issuer gives no usable answer", "failures", o.failures, "since", o.since, "error", foreign.Message(err.Error()))
	o.next = now.Add(retry.Doubled(o.lines, outagePause, outageMaxPause))
	o.lines++
}
