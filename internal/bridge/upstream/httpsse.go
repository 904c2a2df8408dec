package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// How long the endpoint event may take once a stream is open. probeTimeout is for a server
// that may not speak this transport: the client's first message waits for it.
const (
	endpointTimeout = 30 * time.Second
	probeTimeout    = 10 * time.Second
	// lostStreamTime is how long a stream whose session takes nothing any more may go on, if
	// the server does not end it: what was accepted before is answered on it.
	lostStreamTime = time.Minute
)

// sseConn is the HTTP+SSE transport (MCP 2024-11-05, Transports): a GET stream brings all
// messages of the server, ours are posted to the address that its first event names.
type sseConn struct {
	u *Upstream

	connecting *semaphore.Weighted // a mutex: held while a stream is opened

	mu     sync.Mutex
	stream *sseStream
	setup  sessionSetup
	silent int // streams since the last message
}

func newSSEConn(u *Upstream) *sseConn { return &sseConn{u: u, connecting: semaphore.NewWeighted(1)} }

// send posts m and, for a request, waits for its answer on the stream. A stream that was
// lost before, or that the server does not know when m is posted, is opened again, and
// begins with the client's own initialize. A request whose stream is lost while it waits
// gets an error.
func (c *sseConn) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Method == "initialize" {
		c.record(m)
	}
	var refused *sessionRefusedError
	for last := false; ; last = true {
		stream, err := c.liveStream(ctx, m)
		if err != nil {
			return err
		}
		if refused != nil && c.pingRefused(ctx, stream, refused) { // a new stream too: the ping before proved nothing
			return c.u.deliverHTTPError(refused.resp, refused.body, m, sink)
		}
		err = c.sendOn(ctx, stream, m, sink, last)
		if errors.As(err, &refused); !errors.Is(err, errSessionLost) {
			if err == nil && m.Method != "initialize" {
				c.record(m)
			}
			return err
		}
	}
}

func (c *sseConn) record(m jsonrpc.Message) {
	c.mu.Lock()
	c.setup.record(m)
	c.mu.Unlock()
}

func (c *sseConn) setStream(s *sseStream) {
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
}

// liveStream returns an open stream on which m may be sent.
func (c *sseConn) liveStream(ctx context.Context, m jsonrpc.Message) (*sseStream, error) {
	if c.connecting.Acquire(ctx, 1) != nil {
		return nil, context.Cause(ctx)
	}
	defer c.connecting.Release(1)
	c.mu.Lock()
	stream, setup := c.stream, c.setup
	c.mu.Unlock()
	if stream != nil && stream.takes() {
		return stream, nil
	}
	if stream != nil { // lost
		c.mu.Lock()
		silent := c.silent
		c.silent++
		c.mu.Unlock()
		if silent > 0 {
			if err := retry.Sleep(ctx, retry.Backoff(silent-1, minReconnect, maxReconnect)); err != nil {
				return nil, err
			}
		}
	}
	stream, err := c.open(ctx, endpointTimeout)
	if err != nil {
		return nil, err
	}
	if setup.initialize.Raw != nil && m.Method != "initialize" {
		c.u.log.Debug("the server's stream was lost; beginning a new session")
		err := setup.replay(c.u.log.Debug, func(m jsonrpc.Message, sink jsonrpc.Sink) error {
			return c.sendOn(ctx, stream, m, sink, true)
		})
		if err != nil {
			stream.end(context.Canceled)
			return nil, err
		}
	}
	c.setStream(stream)
	return stream, nil
}

// connect opens the first stream, to find out whether the server speaks this transport.
func (c *sseConn) connect(ctx context.Context) error {
	stream, err := c.open(ctx, probeTimeout)
	if err != nil {
		return err
	}
	c.setStream(stream)
	return nil
}

// sendOn posts m on a stream and waits for the answer to a request. Unless it is the last
// attempt, errSessionLost is returned when the server does not know the stream.
func (c *sseConn) sendOn(ctx context.Context, s *sseStream, m jsonrpc.Message, sink jsonrpc.Sink, last bool) error {
	if m.Kind != jsonrpc.Request {
		_, err := c.post(ctx, s, m, sink, last)
		return err
	}
	call := &pendingCall{m: m, key: jsonrpc.Key(m.ID), sink: sink, done: make(chan error, 1)}
	s.register(call)
	defer s.unregister(call)
	accepted, err := c.post(ctx, s, m, sink, last)
	if err != nil || !accepted {
		return err
	}
	select {
	case err := <-call.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.life.Done():
	}
	if !s.unregister(call) { // its answer is being delivered, or has been
		select {
		case <-s.done:
		case <-ctx.Done():
		}
	}
	select {
	case err := <-call.done:
		return err
	default:
		return interrupted(unlessEOF(context.Cause(s.life)))
	}
}

// post posts m. Any 2xx means that it was accepted; bodies have no meaning. A refusal that
// holds the answer is delivered: then m was not accepted, and there is no error.
func (c *sseConn) post(ctx context.Context, s *sseStream, m jsonrpc.Message, sink jsonrpc.Sink, last bool) (accepted bool, err error) {
	req, err := c.u.newRequest(withRepeatable(ctx, m), http.MethodPost, s.endpoint, m.Raw)
	if err != nil {
		return false, err
	}
	resp, err := c.u.do(req)
	if err != nil {
		return false, err
	}
	defer foreign.Discard(resp)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return true, nil
	}
	refused := &sessionRefusedError{resp, errorBody(resp)}
	gone := resp.StatusCode == http.StatusBadRequest && !last && m.Method != "initialize" && c.pingRefused(ctx, s, refused)
	if gone || resp.StatusCode == http.StatusNotFound {
		s.lose() // the server does not know this session any more, or is about to end it
	}
	switch {
	case gone:
		return false, errors.Join(errSessionLost, refused)
	case resp.StatusCode == http.StatusNotFound && !last:
		return false, errSessionLost
	}
	return false, c.u.deliverHTTPError(resp, refused.body, m, sink)
}

// close cuts the stream, which ends the session.
func (c *sseConn) close(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil {
		c.stream.end(context.Canceled)
	}
	return nil
}
