package upstream

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// streamableConn is the Streamable HTTP transport of MCP 2025-03-26 and later.
type streamableConn struct {
	u          *Upstream
	onAccepted func() // called when the server accepts a POST
	probing    bool   // until then

	replacing *semaphore.Weighted // a mutex: held while a lost session is replaced

	mu      sync.Mutex
	current session
	setup   sessionSetup
	stream  serverStream
}

func newStreamableConn(u *Upstream) *streamableConn {
	return &streamableConn{u: u, onAccepted: func() {}, replacing: semaphore.NewWeighted(1)}
}

// send posts m, in the session where its revision has sessions.
func (s *streamableConn) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case m.Stateless():
		return s.sendStateless(ctx, m, sink)
	case m.Method == "initialize":
		return s.initialize(ctx, m, sink)
	}
	at := s.currentSession()
	err := s.post(ctx, &at, m, sink)
	if err != nil {
		err = s.recoverSession(ctx, at, m, sink, err)
	}
	if err == nil {
		s.afterSend(ctx, m)
	}
	return err
}

// initialize sends the client's initialize. The new session is adopted before the client
// sees the answer, so that its next message belongs to it.
func (s *streamableConn) initialize(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	s.mu.Lock()
	s.setup.record(m)
	s.mu.Unlock()
	var at session
	return s.post(ctx, &at, m, jsonrpc.SinkFunc(func(answer jsonrpc.Message) {
		if answer.Answers(m) && answer.Result != nil {
			s.adopt(at)
		}
		sink.Message(answer)
	}))
}

// afterSend records what a new session needs, and opens the server's stream.
func (s *streamableConn) afterSend(ctx context.Context, m jsonrpc.Message) {
	s.mu.Lock()
	s.setup.record(m)
	missing := s.setup.initialized.Raw != nil && s.stream.stop == nil
	s.mu.Unlock()
	switch {
	case m.Method == "notifications/initialized":
		// The client's next message waits a moment for the stream, so that what the
		// server says while it works on that message is not lost.
		select {
		case <-s.openServerStream():
		case <-time.After(streamOpenTimeout):
		case <-ctx.Done():
		}
	case missing:
		s.openServerStream() // once more, after the sign-in was in the way
	}
}

func (s *streamableConn) currentSession() session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// adopt makes at the session of all later messages.
func (s *streamableConn) adopt(at session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = session{id: at.id, version: at.version, number: s.current.number + 1}
}

// request builds a request with the headers of the session, or those of a stateless
// message.
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

// post sends m and follows the response up to its answer. at is the session that m belongs
// to; the answer to initialize fills it.
func (s *streamableConn) post(ctx context.Context, at *session, m jsonrpc.Message, sink jsonrpc.Sink) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	unfollow := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	resp, err := s.postWithRetries(life, *at, m)
	if err != nil {
		unfollow()
		end(nil)
		return err
	}
	r := &response{s: s, session: at, m: m, sink: sink, cancel: end, resp: resp}
	err = r.follow(life)
	unfollow()
	if !r.open {
		r.release()
		end(nil)
		return err
	}
	// The rest of the stream is read in the background, so that the client's next message
	// does not wait for it.
	if !s.u.spawn(func() { defer end(nil); r.drain() }) {
		end(nil)
	}
	return err
}

// postWithRetries sends m, and again where that is safe.
func (s *streamableConn) postWithRetries(ctx context.Context, at session, m jsonrpc.Message) (*http.Response, error) {
	tries := attempts{u: s.u, m: m, started: time.Now()}
	for {
		req, err := s.request(ctx, http.MethodPost, at, m)
		if err != nil {
			return nil, err
		}
		resp, err := s.u.do(req)
		pause, again := tries.next(resp, err)
		if !again {
			return resp, err
		}
		if resp != nil {
			foreign.Discard(resp)
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// rejected handles a response to m without a status of success.
func (s *streamableConn) rejected(resp *http.Response, m jsonrpc.Message, sink jsonrpc.Sink) error {
	body := errorBody(resp)
	if s.probing && resp.StatusCode == http.StatusMethodNotAllowed {
		return s.u.statusError(resp, body) // no POST is accepted here, whatever the body says
	}
	return s.u.deliverHTTPError(resp, body, m, sink)
}

// close ends the session at the server.
func (s *streamableConn) close(ctx context.Context) error {
	at := s.currentSession()
	if err := s.end(ctx, at); err != nil {
		return err
	}
	s.adopt(session{version: at.version})
	return nil
}

// end ends a session with DELETE. Any answer will do: 405 says that the server ends its
// sessions itself.
func (s *streamableConn) end(ctx context.Context, at session) error {
	if at.id == "" {
		return nil
	}
	req, err := s.request(ctx, http.MethodDelete, at, jsonrpc.Message{})
	if err != nil {
		return err
	}
	resp, err := s.u.do(req)
	if err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	foreign.Discard(resp)
	return nil
}
