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
type streamable struct {
	u        *Upstream
	accepted func() // called when the server takes a POST
	probing  bool   // until then

	renew turn // while a lost session is replaced

	mu    sync.Mutex
	now   session
	begin beginning
	ear   ear
}

func newStreamable(u *Upstream) *streamable {
	return &streamable{u: u, accepted: func() {}, renew: newTurn()}
}

// send posts m. A session that the server has forgotten is replaced once, and
// m sent again: the server did not take it (MCP 2025-11-25, Transports, Session
// Management). Where the server does not say so with 404, it has to be proven first.
func (s *streamable) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if Modern(m) {
		return s.modern(ctx, m, sink)
	}
	if m.Method == "initialize" {
		return s.open(ctx, m, sink)
	}
	at := s.current()
	err := s.post(ctx, &at, m, sink)
	if err != nil {
		err = s.inAnother(ctx, at, m, sink, err)
	}
	if err == nil {
		s.sent(ctx, m)
	}
	return err
}

// inAnother sends m once more, in another session, if err says that at was lost.
func (s *streamable) inAnother(ctx context.Context, at session, m jsonrpc.Message, sink jsonrpc.Sink, err error) error {
	var refused *sessionError
	if errors.As(err, &refused) && s.refuses(ctx, at, refused) || errors.Is(err, errSessionLost) {
		var next session
		if next, err = s.replace(ctx, at, refused); err == nil {
			err = s.post(ctx, &next, m, sink)
		}
		if errors.Is(err, errSessionLost) {
			err = &Error{Reason: Refused, Status: http.StatusNotFound, Err: err, Hint: restartHint}
		}
	}
	if errors.As(err, &refused) {
		err = s.notLost(ctx, at, refused, m, sink)
	}
	return err
}

// sent notes what another session needs, and sees to the server's stream.
func (s *streamable) sent(ctx context.Context, m jsonrpc.Message) {
	s.mu.Lock()
	s.begin.note(m)
	deaf := s.begin.initialized.Raw != nil && s.ear.stop == nil
	s.mu.Unlock()
	switch {
	case m.Method == "notifications/initialized":
		// The client's next message waits a moment for the server's stream:
		// what the server says while it works on it would be lost without.
		_ = until(ctx, s.listen(), streamPatience)
	case deaf:
		s.listen() // again, after a failure that had nothing to do with it
	}
}

// request builds a request with the headers of the session, or those of the
// message's own revision.
func (s *streamable) request(ctx context.Context, method string, at session, m jsonrpc.Message) (*http.Request, error) {
	req, err := s.u.newRequest(marked(ctx, m), method, s.u.cfg.Endpoint, m.Raw)
	if err != nil {
		return nil, err
	}
	if version := modernVersion(m); version != "" {
		setModern(req.Header, m, version)
		s.u.tools.set(req.Header, m)
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
func (s *streamable) exchange(ctx context.Context, at session, m jsonrpc.Message) (*http.Response, error) {
	tries := tries{u: s.u, m: m, begun: time.Now()}
	for {
		req, err := s.request(ctx, http.MethodPost, at, m)
		if err != nil {
			return nil, err
		}
		resp, err := s.u.do(req)
		wait, again := tries.again(resp, err)
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
func (s *streamable) post(ctx context.Context, at *session, m jsonrpc.Message, sink jsonrpc.Sink) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	unfollow := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	resp, err := s.exchange(life, *at, m)
	if err != nil {
		unfollow()
		end(nil)
		return err
	}
	a := &answer{s: s, at: at, m: m, sink: sink, cut: end, resp: resp}
	err = a.follow(life)
	unfollow()
	if !a.open {
		foreign.Discard(a.resp)
		end(nil)
		return err
	}
	// What may still come is read beside, so that the client's next message
	// does not wait for it.
	if !s.u.spawn(func() { defer end(nil); a.linger() }) {
		end(nil)
	}
	return err
}

func (s *streamable) notTaken(resp *http.Response, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if s.probing && resp.StatusCode == http.StatusMethodNotAllowed {
		return statusError(resp, errorBody(resp)) // no message is taken here, whatever the body says
	}
	return s.u.refusal(resp, m, sink)
}
