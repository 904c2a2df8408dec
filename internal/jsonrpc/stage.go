package jsonrpc

import "context"

// Stage carries the messages of one client on their way to the server. Stages stand on
// one another: each passes on what it does not answer itself. It is safe for concurrent
// use.
type Stage interface {
	// Send carries one message. For a request it returns when the answer, and
	// before it everything that belongs to the request, has gone to the sink.
	Send(ctx context.Context, m Message, sink Sink) error
	// Unasked says where messages go that belong to no request. It is called before
	// the first Send.
	Unasked(sink Sink)
	// Close ends what is under way, and the session at the server; ctx bounds that.
	Close(ctx context.Context) error
}

// Skipper is a Stage that not every message has to pass.
type Skipper interface {
	Stage
	// Skip returns the stage below when this one has nothing to do with m, nil when
	// it has.
	Skip(m Message) Stage
}

// First returns the first of the stages from s on that has something to do with m.
func First(s Stage, m Message) Stage {
	for {
		skipper, ok := s.(Skipper)
		if !ok {
			return s
		}
		below := skipper.Skip(m)
		if below == nil {
			return s
		}
		s = below
	}
}
