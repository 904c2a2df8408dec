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

// sessionError is a refusal of a message of a session that may mean the session
// or the message: many servers answer 400 where the session is gone, and some 401.
type sessionRefusal struct {
	resp *http.Response
	body []byte
}

func (*sessionRefusal) Error() string { return "the server refused a message of the session" }

// mayBeLost reports whether an answer may mean that the session is gone, although
// it is not 404. A 401 that says how to sign in means that.
func mayMeanSessionLost(resp *http.Response) bool {
	return resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == ""
}

// proofTimeout bounds one ping that is to prove that a session is gone.
const pingTimeout = 5 * time.Second

// refuses reports whether the server refuses a ping in the session at just as it has
// refused a message. There is nothing in a ping that could be wrong, and every
// server has to answer it (MCP 2025-11-25, Ping): so it is the session that it means.
func (s *streamableConn) pingRefused(ctx context.Context, at session, refused *sessionRefusal) bool {
	ctx, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	at.retried = false
	var other *sessionRefusal
	return errors.As(s.post(ctx, &at, ownPing(), jsonrpc.Discard), &other) && refused.sameAs(other)
}

// ownPing is a ping that no client sent.
func ownPing() jsonrpc.Message {
	ping := jsonrpc.NewRequest(jsonrpc.NewID(""), "ping", nil)
	return ping
}

// same reports whether two refusals say the same.
func (e *sessionRefusal) sameAs(other *sessionRefusal) bool {
	return e.resp.StatusCode == other.resp.StatusCode && slices.Equal(gist(e.body), gist(other.body))
}

// refuses reports whether the server refuses a ping on the stream s just as it has
// refused a message. What it answers to a ping that it takes is nobody's.
func (l *sseConn) pingRefused(ctx context.Context, s *sseStream, refused *sessionRefusal) bool {
	ctx, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	req, err := l.u.newRequest(ctx, http.MethodPost, s.endpoint, ownPing().Raw)
	if err != nil {
		return false
	}
	resp, err := l.u.do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return false
	}
	defer foreign.Discard(resp)
	return refused.sameAs(&sessionRefusal{resp, errorBody(resp)})
}

// notLost gives a refusal its plain meaning: it is the answer to m, or, after 401,
// asks for a sign-in.
func (s *streamableConn) sessionKept(ctx context.Context, at session, refused *sessionRefusal, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if refused.resp.StatusCode == http.StatusUnauthorized && s.u.cfg.SignIn != nil {
		if err := s.u.cfg.SignIn(ctx, refused.resp); err != nil {
			return err
		}
		at.retried = true
		return s.post(ctx, &at, m, sink)
	}
	return s.u.deliverHTTPError(refused.resp, refused.body, m, sink)
}

// gist returns the words of a refusal, for a JSON-RPC error its code and those of its
// message. Words with a digit in them are left out: they name a request or a time,
// and differ from one answer to the next.
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
