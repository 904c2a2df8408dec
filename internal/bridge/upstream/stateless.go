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

// modern carries a message of 2026-07-28, which knows no session (W1). Headers
// are made from the tool's schema, which is fetched where nobody has asked for
// it; a refusal of the headers is tried once more with a fresh one (H12). What
// changes nothing at the server is asked again when its stream breaks, as a
// new request (W20).
func (s *streamableConn) sendStateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
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
	err := s.postRepeatable(ctx, m, filterSink{sink, func(reply jsonrpc.Message) bool {
		refused := m.Method == "tools/call" && reply.Answers(m) && string(jsonrpc.Member(reply.Error, "code")) == codeHeaderMismatch
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

// without is a sink that does not get the messages for which left says true.
type filterSink struct {
	jsonrpc.Sink
	drop func(jsonrpc.Message) bool
}

// Message implements jsonrpc.Sink.
func (w filterSink) Message(m jsonrpc.Message) {
	if !w.drop(m) {
		w.Sink.Message(m)
	}
}

// plain posts m and learns from what passes by.
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

// again posts m, and what is repeatable a second time under another id when
// the first stream broke off.
func (s *streamableConn) postRepeatable(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := s.postStateless(ctx, m, sink)
	var e *Error
	if !errors.As(err, &e) || e.Reason != Interrupted || !repeatable(m) || ctx.Err() != nil {
		return err
	}
	second, parseErr := jsonrpc.Parse(jsonrpc.With(m.Raw, "id", jsonrpc.NewID("")))
	if parseErr != nil {
		return err
	}
	if err := retry.Sleep(ctx, firstReconnect); err != nil {
		return err
	}
	return s.postStateless(ctx, second, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(second) {
			if renamed, err := jsonrpc.Parse(jsonrpc.With(reply.Raw, "id", m.ID)); err == nil {
				reply = renamed
			}
		}
		sink.Message(reply)
	}))
}

// probePatience is how long a server may take over a probe, a login not counted.
const probeTimeoutStateless = 10 * time.Second

// silentError is a probe that the server took and did not answer in time.
type probeTimeoutError struct{}

func (probeTimeoutError) Error() string { return "the server did not answer the probe" }

// Silent tells it from a broken line, for callers that cannot name the type.
func (probeTimeoutError) Silent() bool { return true }

// ErrSilent is a probe that the server did not answer in time.
var ErrSilent error = probeTimeoutError{}

// Probe sends one request of 2026-07-28 that asks who the server is, and draws
// no conclusion: no other transport is tried and nothing is repeated but
// logins. It returns the answer if there was one in JSON-RPC, whatever the HTTP
// status, and otherwise an error: an *Error, [ErrSilent] when the server kept
// silent, or what the signing transport says.
func (u *Upstream) Probe(ctx context.Context, m jsonrpc.Message) (status int, reply jsonrpc.Message, err error) {
	if u.cfg.Transport == SSE {
		return 0, reply, &Error{Reason: Refused, Status: http.StatusMethodNotAllowed, Err: errors.New("HTTP+SSE has no probe")}
	}
	traced, quiet, end := u.withFirstByteTimer(ctx, probeTimeoutStateless, ErrSilent)
	defer end(nil)
	defer quiet.stop()
	s := newStreamableConn(u)
	req, err := s.request(traced, http.MethodPost, session{}, m)
	if err != nil {
		return 0, reply, err
	}
	resp, err := u.do(req)
	if err != nil {
		return 0, reply, err
	}
	quiet.restart()
	defer foreign.Discard(resp)
	var got atomic.Pointer[jsonrpc.Message]
	a := &response{s: s, session: &session{}, m: m, resp: resp, cut: end, sink: jsonrpc.SinkFunc(func(one jsonrpc.Message) {
		if one.Answers(m) {
			got.Store(&one)
		}
	})}
	err = a.follow(traced)
	if one := got.Load(); one != nil {
		return resp.StatusCode, *one, nil
	}
	if err == nil {
		err = noAnswer(resp.StatusCode)
	}
	return resp.StatusCode, reply, err
}
