package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// sendStateless carries a message of MCP 2026-07-28, which knows no session.
func (s *streamableConn) sendStateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Method == "tools/call" {
		return s.callTool(ctx, m, sink)
	}
	err := s.postStateless(ctx, m, sink)
	var e *Error
	if errors.As(err, &e) && e.Reason == Interrupted && repeatable(m) && ctx.Err() == nil {
		return s.postAgain(ctx, m, sink)
	}
	return err
}

// callTool carries a tools/call. Some of its headers are made from the tool's schema: the
// tools are listed first where nobody has asked for them, and once more when the server
// refuses the headers (MCP 2026-07-28, Transports).
func (s *streamableConn) callTool(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if needed, seen := s.u.tools.unlisted(m); needed {
		if err := s.u.tools.list(ctx, m, seen, s.postStateless); err != nil {
			s.u.log.Debug("the tools could not be listed before a call", "error", err)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	seen := s.u.tools.listingsSoFar()
	mismatch := false
	err := s.postStateless(ctx, m, filterSink{sink, func(reply jsonrpc.Message) bool {
		refused := reply.Answers(m) && string(jsonrpc.Member(reply.Error, "code")) == codeHeaderMismatch
		mismatch = mismatch || refused
		return refused
	}})
	if !mismatch || err != nil {
		return err
	}
	s.u.log.Debug("the server refused the headers of a call; looking at its tools again")
	if err := s.u.tools.list(ctx, m, seen, s.postStateless); err != nil {
		return err
	}
	return s.postStateless(ctx, m, sink)
}

// postStateless posts m, and learns the tools from an answer to tools/list.
func (s *streamableConn) postStateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Method != "tools/list" {
		return s.post(ctx, &session{}, m, sink)
	}
	return s.post(ctx, &session{}, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(m) {
			reply = s.u.tools.learn(reply)
		}
		sink.Message(reply)
	}))
}

// postAgain posts m, whose stream broke, as a new request with an id of its own; the answer
// gets the id of m.
func (s *streamableConn) postAgain(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if err := retry.Sleep(ctx, firstReconnect); err != nil {
		return err
	}
	second := m.WithID(jsonrpc.NewID(""))
	return s.postStateless(ctx, second, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(second) {
			reply = reply.WithID(m.ID)
		}
		sink.Message(reply)
	}))
}

// discoverTimeout is how long a server may take to answer a probe, without the time of a
// login.
const discoverTimeout = 10 * time.Second

// silentError is a probe that the server took and did not answer in time.
type silentError struct{}

func (silentError) Error() string { return "the server did not answer the probe" }

// Silent tells it from a broken connection, for callers that cannot name the type.
func (silentError) Silent() bool { return true }

// ErrSilent is a probe that the server did not answer in time.
var ErrSilent error = silentError{}

// Probe sends one request of MCP 2026-07-28, such as server/discover, and draws no
// conclusion from what comes back: no other transport is tried, and nothing is repeated
// but for a login. It returns the JSON-RPC answer if there was one, whatever the HTTP
// status, and else an error: an *Error, [ErrSilent], or that of the sign-in.
func (u *Upstream) Probe(ctx context.Context, m jsonrpc.Message) (status int, reply jsonrpc.Message, err error) {
	if u.cfg.Transport == SSE {
		return 0, reply, &Error{Reason: Refused, Status: http.StatusMethodNotAllowed, Err: errors.New("HTTP+SSE has no probe")}
	}
	timed, timer, end := u.withFirstByteTimer(ctx, discoverTimeout, ErrSilent)
	defer end(nil)
	defer timer.stop()
	s := newStreamableConn(u)
	req, err := s.request(timed, http.MethodPost, session{}, m)
	if err != nil {
		return 0, reply, err
	}
	resp, err := u.do(req)
	if err != nil {
		return 0, reply, err
	}
	timer.restart() // for the body
	defer foreign.Discard(resp)
	var answer atomic.Pointer[jsonrpc.Message]
	r := &response{s: s, session: &session{}, m: m, resp: resp, cancel: end, sink: jsonrpc.SinkFunc(func(one jsonrpc.Message) {
		if one.Answers(m) {
			answer.Store(&one)
		}
	})}
	err = r.follow(timed)
	if one := answer.Load(); one != nil {
		return resp.StatusCode, *one, nil
	}
	if err == nil {
		err = noAnswer(resp.StatusCode)
	}
	return resp.StatusCode, reply, err
}
