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

// replay begins a new session through send, which carries one message and delivers its
// answer. Only initialize and notifications/initialized have to succeed.
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
