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
	"mcp-login/internal/retry"
	"mcp-login/internal/sse"
)

// How long the first event of an HTTP+SSE stream may take once the stream is
// open (L10). Where it is only a guess that the server speaks this transport,
// the client's first message waits for it.
const (
	endpointTimeout = 30 * time.Second
	probeTimeout    = 10 * time.Second
)

// legacy is the HTTP+SSE transport of 2024-11-05: one GET stream brings all
// messages of the server, ours are posted to the address it names first.
type sseConn struct {
	u *Upstream

	connecting turn // while a stream is opened

	mu     sync.Mutex
	stream *sseStream
	setup  sessionSetup
	silent int // streams since the last message
}

// legacyStream is one connection, which is one session (L5).
type sseStream struct {
	endpoint *url.URL
	ended    chan struct{} // closed when the stream has ended
	cause    error         // why; set before lost is closed
	stop     context.CancelFunc
	once     sync.Once // of the end

	mu      sync.Mutex
	pending map[string][]*pendingCall // by id, the oldest first
}

type pendingCall struct {
	m    jsonrpc.Message
	sink jsonrpc.Sink
	done chan struct{}
	err  error // set before done is closed
}

func newSSEConn(u *Upstream) *sseConn { return &sseConn{u: u, connecting: newTurn()} }

// send posts m and, for a request, waits for its answer on the stream. A
// stream that was lost before, or that the server does not know when m is
// posted, is opened again, beginning with the client's own initialize; a
// request that was under way when it was lost gets an error.
func (l *sseConn) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Method == "initialize" {
		l.record(m)
	}
	var refused *sessionRefusal
	for again := false; ; again = true {
		stream, err := l.liveStream(ctx, m)
		if err != nil {
			return err
		}
		if refused != nil && l.pingRefused(ctx, stream, refused) { // then the ping before has proven nothing
			return l.u.deliverHTTPError(refused.resp, refused.body, m, sink)
		}
		err = l.sendOn(ctx, stream, m, sink, again)
		if errors.As(err, &refused); !errors.Is(err, errSessionLost) {
			if err == nil && m.Method != "initialize" {
				l.record(m)
			}
			return err
		}
	}
}

func (l *sseConn) record(m jsonrpc.Message) {
	l.mu.Lock()
	l.setup.record(m)
	l.mu.Unlock()
}

// ready returns an open stream on which m may be sent.
func (l *sseConn) liveStream(ctx context.Context, m jsonrpc.Message) (*sseStream, error) {
	if err := l.connecting.take(ctx); err != nil {
		return nil, err
	}
	defer l.connecting.give()
	l.mu.Lock()
	stream, begin := l.stream, l.setup
	l.mu.Unlock()
	if stream != nil && stream.alive() {
		return stream, nil
	}
	if stream != nil { // lost
		l.mu.Lock()
		quiet := l.silent
		l.silent++
		l.mu.Unlock()
		if quiet > 0 {
			if err := retry.Sleep(ctx, retry.Backoff(quiet-1, minReconnect, maxReconnect)); err != nil {
				return nil, err
			}
		}
	}
	stream, err := l.open(ctx, endpointTimeout)
	if err != nil {
		return nil, err
	}
	if begin.initialize.Raw != nil && m.Method != "initialize" {
		l.u.log.Debug("the server's stream was lost; beginning a new session")
		err := begin.replay(l.u.log.Debug, func(m jsonrpc.Message, sink jsonrpc.Sink) error {
			return l.sendOn(ctx, stream, m, sink, true)
		})
		if err != nil {
			stream.stop()
			return nil, err
		}
	}
	l.mu.Lock()
	l.stream = stream
	l.mu.Unlock()
	return stream, nil
}

// connect opens the first stream, to see whether the server speaks this
// transport at all.
func (l *sseConn) connect(ctx context.Context) error {
	stream, err := l.open(ctx, probeTimeout)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.stream = stream
	l.mu.Unlock()
	return nil
}

func (s *sseStream) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// open gets the stream and waits for its endpoint event (L1). The stream
// outlives ctx, which bounds only the opening.
func (l *sseConn) open(ctx context.Context, patience time.Duration) (*sseStream, error) {
	life, stop := context.WithCancelCause(l.u.ctx)
	undo := context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })
	defer undo()
	req, err := l.u.newRequest(life, http.MethodGet, l.u.cfg.Endpoint, nil)
	if err != nil {
		stop(nil)
		return nil, err
	}
	resp, err := l.u.do(req)
	if err != nil {
		stop(nil)
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || mediaType(resp) != typeSSE {
		defer stop(nil)
		defer foreign.Discard(resp)
		if resp.StatusCode != http.StatusOK {
			return nil, statusError(resp, nil)
		}
		return nil, notMCP(resp)
	}
	s := &sseStream{ended: make(chan struct{}), pending: map[string][]*pendingCall{}, stop: func() { stop(context.Canceled) }}
	events := sse.NewReader(resp.Body, 0)
	if limit := l.u.cfg.MaxMessage; limit > 0 {
		events.SpillAt, events.Spill = int(limit), func(*sse.Event) io.Writer { return newDiscarded() }
	}
	timer := time.AfterFunc(patience, func() { stop(errors.New("no endpoint event")) })
	s.endpoint, err = l.endpoint(events)
	if !timer.Stop() || err != nil {
		_ = resp.Body.Close()
		stop(nil)
		return nil, &Error{Reason: NotMCP, Err: fmt.Errorf("the server's event stream does not begin with its endpoint: %w", errors.Join(err, context.Cause(life)))}
	}
	started := l.u.spawn(func() {
		defer func() { _ = resp.Body.Close(); stop(nil) }()
		s.end(l.read(s, events))
	})
	if !started {
		_ = resp.Body.Close()
		stop(nil)
		return nil, context.Canceled
	}
	return s, nil
}

// endpoint reads the first event. Its address may be relative, but it must be
// on the same origin: tokens and messages go there (L3).
func (l *sseConn) endpoint(events *sse.Reader) (*url.URL, error) {
	for {
		e, err := events.Next()
		switch {
		case err != nil:
			return nil, err
		case e.Type != "endpoint":
			return nil, fmt.Errorf("the first event is of type %q", foreign.Line(e.Type))
		case !e.HasData:
			continue
		}
		to, err := l.u.cfg.Endpoint.Parse(string(e.Data))
		if err != nil {
			return nil, errors.New("the endpoint is not a URL")
		}
		if !origin.SameOrigin(to, l.u.cfg.Endpoint) || to.User != nil {
			return nil, errors.New("the endpoint is on another origin")
		}
		return to, nil
	}
}

// read delivers the stream's messages until it ends.
func (l *sseConn) read(s *sseStream, events *sse.Reader) error {
	for {
		e, err := events.Next()
		if err != nil {
			if errors.Is(err, io.EOF) && e.Type == sse.DefaultType && len(e.Data) > 0 { // only its blank line is missing
				l.dispatch(s, e.Data, true)
			}
			return cleanEnd(err)
		}
		dropped, _ := e.Taken.(*discarded)
		switch {
		case dropped != nil:
			l.u.log.Warn("dropped a message that is larger than allowed")
			if id, ok := dropped.answeredID(); ok {
				s.fail(id, l.u.tooLarge())
			}
		case e.Type == sse.DefaultType && len(e.Data) > 0:
			l.mu.Lock()
			l.silent = 0
			l.mu.Unlock()
			l.dispatch(s, e.Data, false)
		}
	}
}

// route gives an answer to the request that waits for it and everything else
// to the client at once, unless it is the last event of a stream that ended before
// it was complete.
func (l *sseConn) dispatch(s *sseStream, data []byte, last bool) {
	err := messages(data, func(m jsonrpc.Message) {
		if last && m.Kind != jsonrpc.Response {
			return
		}
		call := &pendingCall{sink: l.u.unaskedSink()}
		if m.Kind == jsonrpc.Response {
			if waits := s.take(jsonrpc.Key(m.ID)); waits != nil {
				call = waits
			}
		}
		if l.u.deliverOne(m, call.m, call.sink) {
			close(call.done)
		}
	})
	if err != nil {
		l.u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", len(data))
	}
}

func (s *sseStream) register(key string, call *pendingCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[key] = append(s.pending[key], call)
}

// take returns the oldest call with this id.
func (s *sseStream) take(key string) *pendingCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending[key]) == 0 {
		return nil
	}
	call := s.pending[key][0]
	s.remove(key, call)
	return call
}

func (s *sseStream) unregister(key string, call *pendingCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key, call)
}

// remove is called with mu held.
func (s *sseStream) remove(key string, call *pendingCall) {
	left := slices.DeleteFunc(s.pending[key], func(other *pendingCall) bool { return other == call })
	if s.pending[key] = left; len(left) == 0 {
		delete(s.pending, key)
	}
}

// fail gives the oldest call with this raw id an error.
func (s *sseStream) fail(id []byte, err error) {
	if call := s.take(jsonrpc.Key(id)); call != nil {
		call.err = err
		close(call.done)
	}
}

// end marks the stream as lost; the first cause counts.
func (s *sseStream) end(cause error) {
	s.once.Do(func() {
		s.cause = cause
		close(s.ended)
	})
}

// exchange posts m on a stream. Any 2xx means taken; bodies have no meaning
// (L3). Unless it is the last attempt, a server that does not know the stream
// gives errSessionLost.
func (l *sseConn) sendOn(ctx context.Context, s *sseStream, m jsonrpc.Message, sink jsonrpc.Sink, last bool) error {
	if m.Kind != jsonrpc.Request {
		_, err := l.post(ctx, s, m, sink, last)
		return err
	}
	call := &pendingCall{m: m, sink: sink, done: make(chan struct{})}
	key := jsonrpc.Key(m.ID)
	s.register(key, call)
	defer s.unregister(key, call)
	taken, err := l.post(ctx, s, m, sink, last)
	if err != nil || !taken {
		return err
	}
	select {
	case <-call.done:
		return call.err
	case <-s.ended:
		select {
		case <-call.done: // both: the answer was the last thing to come
			return call.err
		default:
			return interrupted(s.cause)
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// post sends m. A refusal that holds the answer is delivered; then the message
// was not taken, and nothing is wrong.
func (l *sseConn) post(ctx context.Context, s *sseStream, m jsonrpc.Message, sink jsonrpc.Sink, last bool) (taken bool, err error) {
	req, err := l.u.newRequest(withRepeatable(ctx, m), http.MethodPost, s.endpoint, m.Raw)
	if err != nil {
		return false, err
	}
	resp, err := l.u.do(req)
	if err != nil {
		return false, err
	}
	defer foreign.Discard(resp)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return true, nil
	}
	refused := &sessionRefusal{resp, errorBody(resp)}
	gone := resp.StatusCode == http.StatusBadRequest && !last && m.Method != "initialize" && l.pingRefused(ctx, s, refused)
	if gone || resp.StatusCode == http.StatusNotFound {
		s.stop() // the server does not know this stream any more
		s.end(errSessionLost)
	}
	switch {
	case gone:
		return false, errors.Join(errSessionLost, refused)
	case resp.StatusCode == http.StatusNotFound && !last:
		return false, errSessionLost
	}
	return false, l.u.deliverHTTPError(resp, refused.body, m, sink)
}

// close cuts the stream, which ends the session.
func (l *sseConn) close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		l.stream.stop()
	}
	return nil
}
