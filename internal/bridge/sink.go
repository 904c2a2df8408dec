package bridge

import "mcp-login/internal/jsonrpc"

// Message implements jsonrpc.Sink: it takes what the server sends for the request.
// Of answers only the first passes, and none to what the client has cancelled.
func (m *message) Message(got jsonrpc.Message) {
	switch {
	case got.Kind != jsonrpc.Response:
		m.r.pass(got)
	case jsonrpc.Key(got.ID) == m.key && m.claim():
		m.reply(got.Raw)
	default:
		m.r.cfg.Log.Debug("dropped an answer that nobody waits for")
	}
}

// Pieces implements jsonrpc.Sink. Answers in a batch have to be whole. The client hears
// nothing else until the answer is complete: messages on stdout are lines (MCP 2025-11-25,
// Transports, stdio).
func (m *message) Pieces() jsonrpc.Pieces {
	switch {
	case m.in != nil:
		return nil
	case !m.claim():
		return unwanted{}
	}
	m.r.out.mu.Lock()
	return inPieces{m}
}

// inPieces writes an answer to the output, whose lock is held.
type inPieces struct{ m *message }

func (p inPieces) Write(b []byte) (int, error) {
	p.m.r.out.write(b)
	return len(b), nil
}

// End implements jsonrpc.Pieces. What cannot be completed is a line that no client
// can read, and then the answer that the request gets instead.
func (p inPieces) End(err error) {
	out := p.m.r.out
	out.write([]byte("\n"))
	if err != nil {
		p.m.r.cfg.Log.Warn("an answer broke off while it was passed on", "error", err)
		out.write(append(answerFor(p.m.m.ID, err), '\n'))
	}
	out.mu.Unlock()
}

// unwanted takes the answer to a request that was cancelled.
type unwanted struct{}

func (unwanted) Write(b []byte) (int, error) { return len(b), nil }

func (unwanted) End(error) {}

// unasked takes what the server says by itself; no answer is among it.
func (r *run) unasked(m jsonrpc.Message) {
	if m.Kind != jsonrpc.Response {
		r.pass(m)
	}
}

// pass gives the client a message of the server that is no answer.
func (r *run) pass(m jsonrpc.Message) {
	if m.Kind == jsonrpc.Request {
		r.update(func(s *state) { s.asked = true })
	}
	r.out.line(m.Raw)
}
