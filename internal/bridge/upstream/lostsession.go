package upstream

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// errSessionLost is the 404 for a message of a session (MCP 2025-11-25, Transports,
// "Session Management").
var errSessionLost = errors.New("the server no longer knows the session")

// sessionRefusedError is a refusal that may be about the session or about the message: many
// servers answer 400 where the session is gone, and some 401.
type sessionRefusedError struct {
	resp *http.Response
	body []byte
}

func (*sessionRefusedError) Error() string { return "the server refused a message of the session" }

// mayMeanSessionLost reports whether an answer other than 404 may mean that the session is
// gone. A 401 with a challenge means that a sign-in is needed.
func mayMeanSessionLost(resp *http.Response) bool {
	return resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == ""
}

// pingTimeout bounds the ping that is to prove that a session is gone.
const pingTimeout = 5 * time.Second

// pingRefused reports whether the server refuses a ping in the session at as it has refused
// a message. Nothing in a ping can be wrong, and every server has to answer it (MCP
// 2025-11-25, Ping), so the refusal is about the session.
func (s *streamableConn) pingRefused(ctx context.Context, at session, refused *sessionRefusedError) bool {
	ctx, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	at.retried = false
	var other *sessionRefusedError
	return errors.As(s.post(ctx, &at, ownPing(), jsonrpc.Discard), &other) && refused.sameAs(other)
}

// pingRefused is the same for HTTP+SSE. The answer to a ping that is accepted comes on the
// stream s, where no request waits for it.
func (c *sseConn) pingRefused(ctx context.Context, s *sseStream, refused *sessionRefusedError) bool {
	ctx, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	req, err := c.u.newRequest(ctx, http.MethodPost, s.endpoint, ownPing().Raw)
	if err != nil {
		return false
	}
	resp, err := c.u.do(req)
	if err != nil {
		return false
	}
	defer foreign.Discard(resp)
	return refused.sameAs(&sessionRefusedError{resp, errorBody(resp)})
}

// ownPing is a ping that no client sent.
func ownPing() jsonrpc.Message { return jsonrpc.NewRequest(jsonrpc.NewID(""), "ping", nil) }

// sameAs reports whether two refusals say the same.
func (e *sessionRefusedError) sameAs(other *sessionRefusedError) bool {
	return e.resp.StatusCode == other.resp.StatusCode && slices.Equal(gist(e.body), gist(other.body))
}

// gist returns the words of a refusal; of a JSON-RPC error its code and the words of its
// message. Words with a digit in them are left out: they name a request or a time, and
// differ from one refusal to the next.
func gist(body []byte) []string {
	var code string
	if answer, _ := jsonrpc.Parse(body); isErrorObject(answer.Error) {
		code = jsonrpc.Key(jsonrpc.Member(answer.Error, "code"))
		text, _ := jsonrpc.Text(jsonrpc.Member(answer.Error, "message"))
		body = []byte(text)
	}
	words := []string{code}
	for _, word := range bytes.FieldsFunc(body, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.+", r)
	}) {
		if !bytes.ContainsAny(word, "0123456789") {
			words = append(words, string(word))
		}
	}
	return words
}

// recoverSession handles the error err of sending m in the session at. Where it means that
// the session is lost, m is sent once more in a new one: the server has not carried it out.
func (s *streamableConn) recoverSession(ctx context.Context, at session, m jsonrpc.Message, sink jsonrpc.Sink, err error) error {
	var refused *sessionRefusedError
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
		err = s.refusedInSession(ctx, at, refused, m, sink)
	}
	return err
}

// refusedInSession handles a refusal that is not about the session: it is the answer to m,
// or, if it is a 401, asks for a sign-in.
func (s *streamableConn) refusedInSession(ctx context.Context, at session, refused *sessionRefusedError, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if refused.resp.StatusCode == http.StatusUnauthorized && s.u.cfg.SignIn != nil {
		if err := s.u.cfg.SignIn(ctx, refused.resp); err != nil {
			return err
		}
		at.retried = true
		return s.post(ctx, &at, m, sink)
	}
	return s.u.deliverHTTPError(refused.resp, refused.body, m, sink)
}

// replace opens a new session with what the client has said so far, unless another message
// has done so since lost was in force. Meanwhile the lost session stays in place: further
// messages that are refused in it wait here. When the server refuses a ping in the new
// session as well, the ping in the lost one has proved nothing, and refused is returned;
// it is nil for a 404.
func (s *streamableConn) replace(ctx context.Context, lost session, refused *sessionRefusedError) (session, error) {
	if s.replacing.Acquire(ctx, 1) != nil {
		return session{}, context.Cause(ctx)
	}
	defer s.replacing.Release(1)
	s.mu.Lock()
	at, setup := s.current, s.setup
	s.mu.Unlock()
	at.retried = true
	if at.number != lost.number {
		return at, nil
	}
	s.u.log.Debug("the server forgot the session; opening another one")
	next := session{retried: true}
	err := setup.replay(s.u.log.Debug, func(m jsonrpc.Message, sink jsonrpc.Sink) error {
		return s.post(ctx, &next, m, sink)
	})
	if err != nil {
		return session{}, err
	}
	if refused != nil && s.pingRefused(ctx, next, refused) {
		_ = s.end(ctx, next)
		return session{}, refused
	}
	s.adopt(next)
	if setup.initialized.Raw != nil {
		s.openServerStream() // the stream of the lost session ends with it
	}
	return next, nil
}
