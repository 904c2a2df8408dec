package jsonrpc

import "io"

// Sink takes what comes back: for one request everything up to its answer, or
// what the server says by itself. Messages come in their order.
type Sink interface {
	// Message takes one whole message. Its Raw is one line without its end; the
	// bytes belong to the sink.
	Message(m Message)
	// Pieces begins the answer to the request in pieces, so that a large one need
	// not be held in one. nil says that the sink wants it whole, as a Message.
	// Nothing else comes before the end.
	Pieces() Pieces
}

// Pieces takes one large answer in pieces.
type Pieces interface {
	// Write takes the next part, which has no line breaks. It does not fail:
	// what becomes of the client is not the business of who writes.
	io.Writer
	// End says that the answer is complete, or, with an error, that what was
	// written is none: the request is then answered with the error.
	End(err error)
}

// SinkFunc is a Sink that wants every message whole.
type SinkFunc func(m Message)

// Message implements Sink.
func (f SinkFunc) Message(m Message) { f(m) }

// Pieces implements Sink.
func (SinkFunc) Pieces() Pieces { return nil }

// Discard is a Sink for what nobody waits for.
var Discard Sink = SinkFunc(func(Message) {})
