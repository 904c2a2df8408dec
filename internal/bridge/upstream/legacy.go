package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/sse"
)

// endpointTimeout is how long the first event of an HTTP+SSE stream may take
// once the stream is open (L10).
const endpointTimeout = 30 * time.Second

// legacy is the HTTP+SSE transport of 2024-11-05: one GET stream brings all
// messages of the server, ours are posted to the address it names first.
type legacy struct {
	u *Upstream

	connecting sync.Mutex // held while a stream is opened

	mu          sync.Mutex
	stream      *legacyStream
	initialize  jsonrpc.Message
	initialized jsonrpc.Message
}

// legacyStream is one connection, which is one session (L5).
type legacyStream struct {
	endpoint *url.URL
	lost     chan struct{} // closed when the stream has ended
	cause    error         // why; set before lost is closed
	stop     context.CancelFunc

	mu      sync.Mutex
	pending map[string]*legacyCall // by id
}

type legacyCall struct {
	deliver Deliver
	done    chan struct{}
}

func newLegacy(u *Upstream) *legacy { return &legacy{u: u} }

// send posts m and, for a request, waits for its answer on the stream. A
// stream that was lost before is opened again, beginning with the client's own
// initialize; a request that was under way when it was lost gets an error.
func (l *legacy) send(ctx context.Context, m jsonrpc.Message, deliver Deliver) error {
	stream, err := l.ready(ctx, m)
	if err != nil {
		return err
	}
	return l.exchange(ctx, stream, m, deliver)
}

// ready returns an open stream on which m may be sent.
func (l *legacy) ready(ctx context.Context, m jsonrpc.Message) (*legacyStream, error) {
	l.connecting.Lock()
	defer l.connecting.Unlock()
	l.mu.Lock()
	stream, first, second := l.stream, l.initialize, l.initialized
	switch m.Method {
	case "initialize":
		l.initialize = m
	case "notifications/initialized":
		l.initialized = m
	}
	l.mu.Unlock()
	if stream != nil && stream.alive() {
		return stream, nil
	}
	stream, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	if first.Raw != nil && m.Method != "initialize" {
		l.u.log.Debug("the server's stream was lost; beginning a new session")
		if err := l.exchange(ctx, stream, first, func(jsonrpc.Message) {}); err != nil {
			stream.stop()
			return nil, fmt.Errorf("open a new session: %w", err)
		}
		if second.Raw != nil && m.Method != "notifications/initialized" {
			if err := l.exchange(ctx, stream, second, func(jsonrpc.Message) {}); err != nil {
				stream.stop()
				return nil, fmt.Errorf("open a new session: %w", err)
			}
		}
	}
	l.mu.Lock()
	l.stream = stream
	l.mu.Unlock()
	return stream, nil
}

// connect opens the first stream, to see whether the server speaks this
// transport at all.
func (l *legacy) connect(ctx context.Context) error {
	stream, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.stream = stream
	l.mu.Unlock()
	return nil
}

func (s *legacyStream) alive() bool {
	select {
	case <-s.lost:
		return false
	default:
		return true
	}
}

// open gets the stream and waits for its endpoint event (L1). The stream
// outlives ctx, which bounds only the opening.
func (l *legacy) open(ctx context.Context) (*legacyStream, error) {
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
		defer discard(resp)
		if resp.StatusCode != http.StatusOK {
			return nil, statusError(resp, nil)
		}
		return nil, notMCP(resp)
	}
	s := &legacyStream{lost: make(chan struct{}), pending: map[string]*legacyCall{}, stop: func() { stop(context.Canceled) }}
	events := sse.NewReader(resp.Body, l.u.cfg.MaxMessage)
	timer := time.AfterFunc(endpointTimeout, func() { stop(errors.New("no endpoint event")) })
	s.endpoint, err = l.endpoint(events)
	if !timer.Stop() || err != nil {
		_ = resp.Body.Close()
		stop(nil)
		return nil, &Error{Reason: NotMCP, Err: fmt.Errorf("the server's event stream does not begin with its endpoint: %w", errors.Join(err, context.Cause(life)))}
	}
	l.u.work.Go(func() {
		defer func() { _ = resp.Body.Close(); stop(nil) }()
		s.end(l.read(s, events))
	})
	return s, nil
}

// endpoint reads the first event. Its address may be relative, but it must be
// on the same origin: tokens and messages go there (L3).
func (l *legacy) endpoint(events *sse.Reader) (*url.URL, error) {
	for {
		e, err := events.Next()
		switch {
		case err != nil:
			return nil, err
		case e.Type != "endpoint":
			return nil, fmt.Errorf("the first event is of type %q", excerpt([]byte(e.Type)))
		case !e.HasData:
			continue
		}
		to, err := l.u.cfg.Endpoint.Parse(string(e.Data))
		if err != nil {
			return nil, errors.New("the endpoint is not a URL")
		}
		if !sameOrigin(to, l.u.cfg.Endpoint) || to.User != nil {
			return nil, errors.New("the endpoint is on another origin")
		}
		return to, nil
	}
}

// read delivers the stream's messages until it ends.
func (l *legacy) read(s *legacyStream, events *sse.Reader) error {
	for {
		e, err := events.Next()
		if err != nil {
			return cleanEnd(err)
		}
		switch {
		case e.TooLarge:
			l.u.log.Warn("dropped a message that is larger than allowed")
		case e.Type == sse.DefaultType && len(e.Data) > 0:
			l.route(s, e.Data)
		}
	}
}

// route gives an answer to the request that waits for it and everything else
// to the client at once.
func (l *legacy) route(s *legacyStream, data []byte) {
	m, err := jsonrpc.Parse(jsonrpc.Squeeze(data))
	switch {
	case err != nil:
		l.u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", len(data))
	case m.Kind == jsonrpc.Batch:
		for _, element := range jsonrpc.Elements(m.Raw) {
			l.route(s, element)
		}
	case m.Kind == jsonrpc.Response:
		if call := s.take(jsonrpc.Key(m.ID)); call != nil {
			call.deliver(m)
			close(call.done)
			return
		}
		l.u.deliverUnasked(m)
	default:
		l.u.deliverUnasked(m)
	}
}

func (s *legacyStream) take(key string) *legacyCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := s.pending[key]
	delete(s.pending, key)
	return call
}

func (s *legacyStream) end(cause error) {
	s.cause = cause
	close(s.lost)
}

// exchange posts m on a stream. Any 2xx means taken; bodies have no meaning
// (L3).
func (l *legacy) exchange(ctx context.Context, s *legacyStream, m jsonrpc.Message, deliver Deliver) error {
	var call *legacyCall
	if m.Kind == jsonrpc.Request {
		call = &legacyCall{deliver: deliver, done: make(chan struct{})}
		key := jsonrpc.Key(m.ID)
		s.mu.Lock()
		s.pending[key] = call
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			if s.pending[key] == call {
				delete(s.pending, key)
			}
			s.mu.Unlock()
		}()
	}
	refused := false
	err := l.post(ctx, s, m, func(answer jsonrpc.Message) {
		refused = true
		deliver(answer)
	})
	if err != nil || call == nil || refused {
		return err
	}
	select {
	case <-call.done:
		return nil
	case <-s.lost:
		select {
		case <-call.done: // both: the answer was the last thing to come
			return nil
		default:
			return interrupted(s.cause)
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *legacy) post(ctx context.Context, s *legacyStream, m jsonrpc.Message, deliver Deliver) error {
	req, err := l.u.newRequest(ctx, http.MethodPost, s.endpoint, m.Raw)
	if err != nil {
		return err
	}
	resp, err := l.u.do(req)
	if err != nil {
		return err
	}
	defer discard(resp)
	if resp.StatusCode < 200 || resp.StatusCode >= 300 {
		if resp.StatusCode == http.StatusNotFound {
			s.stop() // the server does not know this stream any more
		}
		return refusal(resp, m, deliver)
	}
	return nil
}

// close cuts the stream, which ends the session.
func (l *legacy) close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		l.stream.stop()
	}
	return nil
}
