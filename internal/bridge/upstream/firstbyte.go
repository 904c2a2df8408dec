package upstream

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"mcp-login/internal/origin"
)

// silence watches over the time between a request and the first byte of its
// answer. A login that happens inside the same exchange does not count.
type firstByteTimer struct {
	timer *time.Timer
	limit time.Duration
}

// listenFor returns a context in which requests to the server have limit to get
// their first byte; then it ends with cause. Whoever calls stops the silence.
func (u *Upstream) withFirstByteTimer(ctx context.Context, limit time.Duration, cause error) (context.Context, *firstByteTimer, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	s := &firstByteTimer{timer: time.AfterFunc(time.Hour, func() { end(cause) }), limit: limit}
	s.timer.Stop()
	var ours atomic.Bool // not a login's request at somebody else
	host := net.JoinHostPort(u.cfg.Endpoint.Hostname(), origin.Port(u.cfg.Endpoint))
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(to string) {
			s.timer.Stop()
			ours.Store(to == host)
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			if ours.Load() {
				s.timer.Reset(limit)
			}
		},
		GotFirstResponseByte: func() { s.timer.Stop() }, // a login may follow
	}), s, end
}

// again begins another wait.
func (s *firstByteTimer) restart() { s.timer.Reset(s.limit) }

func (s *firstByteTimer) stop() { s.timer.Stop() }
