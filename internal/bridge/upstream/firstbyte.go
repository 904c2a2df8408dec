package upstream

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"mcp-login/internal/origin"
)

// firstByteTimer runs from the moment a request to the server was written until the
// first byte of the response. Requests to other hosts, which a login makes on the way,
// do not count.
type firstByteTimer struct {
	timer  *time.Timer
	limit  time.Duration
	server string      // host:port
	ours   atomic.Bool // the request under way goes to the server
}

// withFirstByteTimer returns a context for requests to the server. It ends with cause
// when a response takes longer than limit to begin. The caller stops the timer.
func (u *Upstream) withFirstByteTimer(ctx context.Context, limit time.Duration, cause error) (context.Context, *firstByteTimer, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	t := &firstByteTimer{limit: limit, server: net.JoinHostPort(u.cfg.Endpoint.Hostname(), origin.Port(u.cfg.Endpoint))}
	t.timer = time.AfterFunc(time.Hour, func() { end(cause) })
	t.timer.Stop()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: t.getConn, WroteRequest: t.wroteRequest, GotFirstResponseByte: t.stop}), t, end
}

func (t *firstByteTimer) getConn(host string) {
	t.timer.Stop()
	t.ours.Store(host == t.server)
}

func (t *firstByteTimer) wroteRequest(httptrace.WroteRequestInfo) {
	if t.ours.Load() {
		t.timer.Reset(t.limit)
	}
}

func (t *firstByteTimer) restart() { t.timer.Reset(t.limit) }

func (t *firstByteTimer) stop() { t.timer.Stop() }
