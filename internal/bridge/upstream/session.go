package upstream

import (
	"fmt"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// session is what a server has agreed with the client in initialize. Its values go onto
// every later request.
type session struct {
	id      string // Mcp-Session-Id, a secret; "" when the server keeps none
	version string // MCP-Protocol-Version, "" before it is negotiated
	number  int    // counts the sessions of one Upstream
	retried bool   // the message under way was refused once because the session was lost
}

// sessionSetup is what a new session begins with: the client's own initialize, and what it
// has set up since.
type sessionSetup struct {
	initialize, initialized jsonrpc.Message
	settings                []jsonrpc.Message
}

// maxSettings bounds what is set up again in a new session.
const maxSettings = 256

// record keeps m if a new session needs it.
func (s *sessionSetup) record(m jsonrpc.Message) {
	switch m.Method {
	case "initialize":
		*s = sessionSetup{initialize: m}
	case "notifications/initialized":
		s.initialized = m
	case "logging/setLevel":
		s.drop("logging/setLevel", nil)
		s.keep(m)
	case "resources/subscribe":
		s.drop("resources/subscribe", m.Param("uri"))
		s.keep(m)
	case "resources/unsubscribe":
		s.drop("resources/subscribe", m.Param("uri"))
	}
}

func (s *sessionSetup) keep(m jsonrpc.Message) {
	if len(s.settings) < maxSettings {
		s.settings = append(s.settings, m)
	}
}

func (s *sessionSetup) drop(method string, uri []byte) {
	kept := make([]jsonrpc.Message, 0, len(s.settings)+1) // a copy: a replay may read the old one
	for _, m := range s.settings {
		if m.Method != method || string(m.Param("uri")) != string(uri) {
			kept = append(kept, m)
		}
	}
	s.settings = kept
}

// replay begins a new session through send, which carries one message and delivers its
// answer. Only initialize and notifications/initialized have to succeed.
func (s sessionSetup) replay(log func(string, ...any), send func(m jsonrpc.Message, sink jsonrpc.Sink) error) error {
	if s.initialize.Raw == nil {
		return errSessionLost
	}
	var refused []byte
	err := send(s.initialize, jsonrpc.SinkFunc(func(answer jsonrpc.Message) {
		if answer.Answers(s.initialize) {
			refused = answer.Error
		}
	}))
	if err == nil && s.initialized.Raw != nil && refused == nil {
		err = send(s.initialized, jsonrpc.Discard)
	}
	switch {
	case err != nil:
		return fmt.Errorf("open a new session: %w", err)
	case refused != nil:
		text, _ := jsonrpc.Text(jsonrpc.Member(refused, "message"))
		return &Error{Reason: Refused, Err: fmt.Errorf("open a new session: the server refused: %s", foreign.Quote(text)), Hint: restartHint}
	case s.initialized.Raw == nil:
		return nil
	}
	for _, m := range s.settings {
		if err := send(m, jsonrpc.Discard); err != nil {
			log("the new session is not set up as the old one", "method", m.Method, "error", err)
		}
	}
	return nil
}
