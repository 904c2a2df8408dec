package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/origin"
	"mcp-login/internal/sse"
)

// sseStream is one GET stream of HTTP+SSE, which is one session.
type sseStream struct {
	endpoint *url.URL                // where messages are posted
	life     context.Context         // ends with the stream; its cause says why, io.EOF for a clean end
	end      context.CancelCauseFunc // cuts the stream
	done     chan struct{}           // closed when nothing of it is delivered any more

	mu      sync.Mutex
	pending []*pendingCall // the oldest first
	lost    bool           // takes nothing any more
}

// pendingCall is a request that waits for its answer on the stream.
type pendingCall struct {
	m    jsonrpc.Message
	key  string // of its id
	sink jsonrpc.Sink
	done chan error // has room for the one result: nil when the sink has the answer
}

// open opens a stream and waits for its endpoint event. ctx bounds only the opening.
func (c *sseConn) open(ctx context.Context, timeout time.Duration) (*sseStream, error) {
	life, stop := context.WithCancelCause(c.u.ctx)
	defer context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })()
	resp, err := c.get(life)
	if err != nil {
		stop(nil)
		return nil, err
	}
	events := sse.NewReader(resp.Body, 0)
	if limit := c.u.cfg.MaxMessage; limit > 0 {
		events.SpillAt, events.Spill = int(limit), func(*sse.Event) io.Writer { return newDiscardedMessage() }
	}
	timer := time.AfterFunc(timeout, func() { stop(errors.New("no endpoint event")) })
	endpoint, err := c.endpoint(events)
	if !timer.Stop() || err != nil {
		_ = resp.Body.Close()
		stop(nil)
		return nil, &Error{Reason: NotMCP, Err: fmt.Errorf("the server's event stream does not begin with its endpoint: %w", errors.Join(err, context.Cause(life)))}
	}
	s := &sseStream{endpoint: endpoint, life: life, end: stop, done: make(chan struct{})}
	started := c.u.spawn(func() {
		stop(c.read(s, events))
		close(s.done)
		_ = resp.Body.Close()
	})
	if !started {
		_ = resp.Body.Close()
		stop(nil)
		return nil, context.Canceled
	}
	return s, nil
}

// get asks for a stream, which lives as long as life.
func (c *sseConn) get(life context.Context) (*http.Response, error) {
	req, err := c.u.newRequest(life, http.MethodGet, c.u.cfg.Endpoint, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.u.do(req)
	switch {
	case err != nil:
		return nil, err
	case isStream(resp):
		return resp, nil
	}
	defer foreign.Discard(resp)
	if resp.StatusCode != http.StatusOK {
		return nil, c.u.statusError(resp, errorBody(resp))
	}
	return nil, notMCP(resp, false)
}

// endpoint reads the first event. Its address may be relative, but it must be on the
// server's own origin, because tokens and messages go there.
func (c *sseConn) endpoint(events *sse.Reader) (*url.URL, error) {
	for {
		e, err := events.Next()
		switch {
		case err != nil:
			return nil, err
		case e.Type != "endpoint":
			return nil, fmt.Errorf("the first event is of type %q", foreign.Quote(e.Type))
		case !e.HasData:
			continue
		}
		to, err := c.u.cfg.Endpoint.Parse(string(e.Data))
		if err != nil {
			return nil, errors.New("the endpoint is not a URL")
		}
		if !origin.SameOrigin(to, c.u.cfg.Endpoint) || to.User != nil {
			return nil, errors.New("the endpoint is on another origin")
		}
		return withoutEmptyPort(to), nil
	}
}

// read delivers the messages of a stream until it ends, and returns why.
func (c *sseConn) read(s *sseStream, events *sse.Reader) error {
	for {
		e, err := events.Next()
		if err != nil {
			if errors.Is(err, io.EOF) && e.Type == sse.DefaultType && len(e.Data) > 0 { // only the blank line after it is missing
				c.dispatch(s, e.Data, true)
			}
			return err
		}
		discarded, _ := e.SpilledTo.(*discardedMessage)
		switch {
		case discarded != nil:
			c.u.log.Warn("dropped a message that is larger than allowed")
			if id, ok := discarded.answeredID(); ok {
				if call := s.take(id); call != nil {
					call.done <- c.u.tooLarge()
				}
			}
		case e.Type == sse.DefaultType && len(e.Data) > 0:
			c.mu.Lock()
			c.silent = 0
			c.mu.Unlock()
			c.dispatch(s, e.Data, false)
		}
	}
}

// dispatch gives an answer to the request that waits for it, and everything else to the
// client. Of an incomplete last event only answers count.
func (c *sseConn) dispatch(s *sseStream, data []byte, incomplete bool) {
	for m, err := range messages(data) {
		if err != nil {
			c.u.warnDropped(int64(len(data)))
			return
		}
		if incomplete && m.Kind != jsonrpc.Response {
			continue
		}
		call := &pendingCall{sink: c.u.unaskedSink()}
		if m.Kind == jsonrpc.Response {
			if waiting := s.take(m.ID); waiting != nil {
				call = waiting
			}
		}
		if c.u.deliverOne(m, call.m, call.sink) {
			call.done <- nil
		}
	}
}

// takes reports whether a message may be sent on the stream.
func (s *sseStream) takes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.lost && s.life.Err() == nil
}

// lose sends nothing more on the stream, and ends it when the calls that wait are answered: the
// server may have accepted them, so they must not be sent again.
func (s *sseStream) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		s.lost = true
		time.AfterFunc(lostStreamTime, func() { s.end(io.ErrUnexpectedEOF) })
	}
	s.endIfLost()
}

// endIfLost ends a lost stream on which nobody waits. The lock is held.
func (s *sseStream) endIfLost() {
	if s.lost && len(s.pending) == 0 {
		s.end(io.ErrUnexpectedEOF)
	}
}

func (s *sseStream) register(call *pendingCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, call)
}

// unregister removes a call, and reports whether no answer to it has come.
func (s *sseStream) unregister(call *pendingCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.pending, call)
	if at >= 0 {
		s.pending = slices.Delete(s.pending, at, at+1)
	}
	s.endIfLost()
	return at >= 0
}

// take removes the oldest call with this raw id, and returns it; nil if there is none.
func (s *sseStream) take(id []byte) *pendingCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := jsonrpc.Key(id)
	at := slices.IndexFunc(s.pending, func(call *pendingCall) bool { return call.key == key })
	if at < 0 {
		return nil
	}
	call := s.pending[at]
	s.pending = slices.Delete(s.pending, at, at+1)
	return call
}
