package account

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/origin"
)

// A connection whose other end has gone without closing it (the machine slept, the
// network changed, a NAT dropped its entry) is noticed within about a minute: an idle one
// by keep-alive probes, one with data under way by the limit on unacknowledged data,
// which a running server never reaches, however long its tools take.
const (
	probeAfter   = 30 * time.Second
	probeEvery   = 10 * time.Second
	probes       = 4
	unackedLimit = time.Minute
)

// dialer returns how connections to the server are made.
func (c Connection) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         c.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeEvery, Count: probes},
		Control:         limitUnacked,
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.IPv4 {
			network = "tcp4"
		}
		return origin.Dial(ctx, d, network, address)
	}
}

// sleepJump is how much more time may pass on the wall clock than on the monotonic one,
// which stands still while the machine sleeps, before that is taken for a sleep.
const sleepJump = 20 * time.Second

// sleepAware is a transport that makes new connections after the machine has
// slept: the old ones look open, and the first request on one would wait until it
// times out.
type sleepAware struct {
	*http.Transport
	// clock tells how much time has passed since the start: for this machine
	// while it was awake, and on the wall.
	clock func() (awake, passed time.Duration)

	mu    sync.Mutex
	ahead time.Duration // of the wall at the last request
}

func newSleepAware(base *http.Transport) *sleepAware {
	start := time.Now()
	return &sleepAware{Transport: base, clock: func() (awake, passed time.Duration) {
		// The difference of two times with a monotonic reading leaves sleep
		// out on Linux and macOS, and that of two without counts it.
		now := time.Now()
		return now.Sub(start), now.Round(0).Sub(start.Round(0))
	}}
}

// RoundTrip implements http.RoundTripper.
func (t *sleepAware) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.slept() {
		t.CloseIdleConnections()
	}
	return t.Transport.RoundTrip(req)
}

// slept reports whether the machine slept since it was last asked.
func (t *sleepAware) slept() bool {
	awake, passed := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.ahead
	t.ahead = passed - awake
	return t.ahead-before > sleepJump
}
