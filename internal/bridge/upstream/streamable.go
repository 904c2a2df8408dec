package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// streamable is the Streamable HTTP transport of 2025-03-26 and later.
type streamableConn struct {
	u          *Upstream
	onAccepted func() // called when the server takes a POST
	probing    bool   // until then

	replacing turn // while a lost session is replaced

	mu      sync.Mutex
	current session
	setup   sessionSetup
	stream  serverStream
}

func newStreamableConn(u *Upstream) *streamableConn {
	return &streamableConn{u: u, onAccepted: func() {}, replacing: newTurn()}
}

// send posts m. A session that the server has forgotten is replaced once, and
// m sent again: the server did not take it (MCP 2025-11-25, Transports, Session
// Management). Where the server does not say so with 404, it has to be proven first.
func (s *streamableConn) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Stateless() {
		return s.sendStateless(ctx, m, sink)
	}
	if m.Method == "initialize" {
		return s.initialize(ctx, m, sink)
	}
	at := s.currentSession()
	err := s.post(ctx, &at, m, sink)
	if err != nil {
		err = s.sendInNewSession(ctx, at, m, sink, err)
	}
	if err == nil {
		s.afterSend(ctx, m)
	}
	return err
}

// inAnother sends m once more, in another session, if err says that at was lost.
func (s *streamableConn) sendInNewSession(ctx context.Context, at session, m jsonrpc.Message, sink jsonrpc.Sink, err error) error {
	var refused *sessionRefusal
	if errors.As(err, &refused) && s.pingRefused(ctx, at, refused) || errors.Is(err, errSessionLost) {
		var next session
		if next, err = s.replace(ctx, at, refused); err == nil {
			err = s.post(ctx, &next, m, sink)
		}
		if errors.Is(err, errSessionLost) {
			err = &Error{Reason: Refused, Status: http.StatusNotFound, Err: err, Hint: restartHint}
		}
	}
	if errors.As(err, &refused) {
		err = s.sessionKept(ctx, at, refused, m, sink)
	}
	return err
}

// sent notes what another session needs, and sees to the server's stream.
func (s *streamableConn) afterSend(ctx context.Context, m jsonrpc.Message) {
	s.mu.Lock()
	s.setup.record(m)
	deaf := s.setup.initialized.Raw != nil && s.stream.stop == nil
	s.mu.Unlock()
	switch {
	case m.Method == "notifications/initialized":
		// The client's next message waits a moment for the server's stream:
		// what the server says while it works on it would be lost without.
		_ = until(ctx, s.openServerStream(), streamOpenTimeout)
	case deaf:
		s.openServerStream() // again, after a failure that had nothing to do with it
	}
}

// request builds a request with the headers of the session, or those of the
// message's own revision.
func (s *streamableConn) request(ctx context.Context, method string, at session, m jsonrpc.Message) (*http.Request, error) {
	req, err := s.u.newRequest(withRepeatable(ctx, m), method, s.u.cfg.Endpoint, m.Raw)
	if err != nil {
		return nil, err
	}
	if version := m.Revision(); version != "" {
		setStatelessHeaders(req.Header, m, version)
		s.u.tools.setHeaders(req.Header, m)
		return req, nil
	}
	if at.version != "" {
		req.Header.Set(headerVersion, at.version)
	}
	if at.id != "" {
		req.Header.Set(headerSession, at.id)
	}
	return req, nil
}

// exchange sends m, again where that is safe.
func (s *streamableConn) postWithRetries(ctx context.Context, at session, m jsonrpc.Message) (*http.Response, error) {
	tries := attempts{u: s.u, m: m, started: time.Now()}
	for {
		req, err := s.request(ctx, http.MethodPost, at, m)
		if err != nil {
			return nil, err
		}
		resp, err := s.u.do(req)
		wait, again := tries.next(resp, err)
		if !again {
			return resp, err
		}
		if resp != nil {
			foreign.Discard(resp)
		}
		if err := retry.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// post sends m and follows its answer. at is the session it belongs to; the
// answer to initialize fills it.
func (s *streamableConn) post(ctx context.Context, at *session, m jsonrpc.Message, sink jsonrpc.Sink) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	unfollow := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	resp, err := s.postWithRetries(life, *at, m)
	if err != nil {
		unfollow()
		end(nil)
		return err
	}
	a := &response{s: s, session: at, m: m, sink: sink, cut: end, resp: resp}
	err = a.follow(life)
	unfollow()
	if !a.open {
		foreign.Discard(a.resp)
		end(nil)
		return err
	}
	// What may still come is read beside, so that the client's next message
	// does not wait for it.
	if !s.u.spawn(func() { defer end(nil); a.drain() }) {
		end(nil)
	}
	return err
}

func (s *streamableConn) rejected(resp *http.Response, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if s.probing && resp.StatusCode == http.StatusMethodNotAllowed {
		return statusError(resp, errorBody(resp)) // no message is taken here, whatever the body says
	}
	return s.u.refusal(resp, m, sink)
}
