package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// session is what a server has agreed with the client. Its values go onto every
// later request (G1, G2).
type session struct {
	id      string // Mcp-Session-Id, a secret; "" when the server keeps none
	version string // MCP-Protocol-Version, "" before it is negotiated
	number  int    // counts the sessions of one Upstream
	retried bool   // the message at hand was refused once for the lost session
}

// errSessionLost is the 404 for a message of a session (MCP 2025-11-25, Transports,
// Session Management).
var errSessionLost = errors.New("the server no longer knows the session")

// beginning keeps what another session has to begin with: the client's own
// initialize, and what it has set up since.
type sessionSetup struct {
	initialize, initialized jsonrpc.Message
	settings                []jsonrpc.Message
}

// maxLater bounds what is set up again in another session.
const maxSettings = 256

// note keeps m if another session needs it.
func (b *sessionSetup) record(m jsonrpc.Message) {
	switch m.Method {
	case "initialize":
		*b = sessionSetup{initialize: m}
	case "notifications/initialized":
		b.initialized = m
	case "logging/setLevel":
		b.drop("logging/setLevel", nil)
		b.keep(m)
	case "resources/subscribe":
		b.drop("resources/subscribe", m.Param("uri"))
		b.keep(m)
	case "resources/unsubscribe":
		b.drop("resources/subscribe", m.Param("uri"))
	}
}

func (b *sessionSetup) keep(m jsonrpc.Message) {
	if len(b.settings) < maxSettings {
		b.settings = append(b.settings, m)
	}
}

func (b *sessionSetup) drop(method string, uri []byte) {
	kept := make([]jsonrpc.Message, 0, len(b.settings)+1) // a copy: a replay may read the old one
	for _, m := range b.settings {
		if m.Method != method || string(m.Param("uri")) != string(uri) {
			kept = append(kept, m)
		}
	}
	b.settings = kept
}

// replay begins another session through send, which carries one message and
// hands its answer over. Only initialize and initialized have to succeed.
func (b sessionSetup) replay(log func(string, ...any), send func(m jsonrpc.Message, sink jsonrpc.Sink) error) error {
	if b.initialize.Raw == nil {
		return errSessionLost
	}
	var refused []byte
	err := send(b.initialize, jsonrpc.SinkFunc(func(answer jsonrpc.Message) {
		if answer.Answers(b.initialize) {
			refused = answer.Error
		}
	}))
	if err == nil && b.initialized.Raw != nil && refused == nil {
		err = send(b.initialized, jsonrpc.Discard)
	}
	switch {
	case err != nil:
		return fmt.Errorf("open a new session: %w", err)
	case refused != nil:
		text, _ := jsonrpc.Text(jsonrpc.Member(refused, "message"))
		return &Error{Reason: Refused, Err: fmt.Errorf("open a new session: the server refused: %s", foreign.Line(text)), Hint: restartHint}
	case b.initialized.Raw == nil:
		return nil
	}
	for _, m := range b.settings {
		if err := send(m, jsonrpc.Discard); err != nil {
			log("the new session is not set up as the old one", "method", m.Method, "error", err)
		}
	}
	return nil
}

func (s *streamableConn) currentSession() session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// commit makes at the session of all later messages.
func (s *streamableConn) adopt(at session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = session{id: at.id, version: at.version, number: s.current.number + 1}
}

// open sends the client's initialize. The session counts before the client
// sees the answer, so that its next message already belongs to it.
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

// replace opens another session with what the client has said so far, unless
// another message has done so since lost was in force. Meanwhile the lost one
// stays in place: whoever still sends it meets the same refusal and waits here.
// A ping that the other session refuses in the same way has proven nothing about
// the lost one; then refused is the error. It is nil for a 404.
func (s *streamableConn) replace(ctx context.Context, lost session, refused *sessionRefusal) (session, error) {
	if err := s.replacing.take(ctx); err != nil {
		return session{}, err
	}
	defer s.replacing.give()
	s.mu.Lock()
	at, begin := s.current, s.setup
	s.mu.Unlock()
	at.retried = true
	if at.number != lost.number {
		return at, nil
	}
	s.u.log.Debug("the server forgot the session; opening another one")
	next := session{retried: true}
	err := begin.replay(s.u.log.Debug, func(m jsonrpc.Message, sink jsonrpc.Sink) error {
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
	if begin.initialized.Raw != nil {
		s.openServerStream() // the old session's stream has ended with it
	}
	return next, nil
}

// close ends the session at the server (G4); 405 says that it does not mind.
func (s *streamableConn) close(ctx context.Context) error {
	at := s.currentSession()
	if err := s.end(ctx, at); err != nil {
		return err
	}
	s.adopt(session{version: at.version})
	return nil
}

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
