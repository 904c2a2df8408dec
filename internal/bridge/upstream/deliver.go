package upstream

import (
	"iter"

	"mcp-login/internal/jsonrpc"
)

// deliver gives the messages in one text of the server to the sink of the request m.
// answered reports whether m was answered; another answer to it in the same text is
// dropped.
func (u *Upstream) deliver(raw []byte, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool, err error) {
	for one, err := range messages(raw) {
		if err != nil {
			return answered, err
		}
		if u.deliverOne(one, m, sink) {
			answered, m = true, jsonrpc.Message{}
		}
	}
	return answered, nil
}

// messages yields the messages in one text of the server, each on one line: a single one,
// or those of a batch (MCP 2025-03-26, Base Protocol). A batch in a batch is an error:
// the client would take it for one message, whatever is in it.
func messages(raw []byte) iter.Seq2[jsonrpc.Message, error] {
	return func(yield func(jsonrpc.Message, error) bool) {
		one, err := jsonrpc.ParseLine(raw)
		if err != nil || one.Kind != jsonrpc.Batch {
			yield(one, err)
			return
		}
		for element := range jsonrpc.Elements(one.Raw) {
			part, err := jsonrpc.ParseLine(element)
			if err == nil && part.Kind == jsonrpc.Batch {
				err = jsonrpc.ErrInvalid
			}
			if !yield(part, err) || err != nil {
				return
			}
		}
	}
}

// deliverOne gives one message to the sink of m, and reports whether it is the answer to
// m. The answer to another request is dropped: each comes in the response to its own
// request (MCP 2025-06-18, Transports, "Sending Messages to the Server").
func (u *Upstream) deliverOne(one, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool) {
	answered = one.Answers(m)
	if one.Kind == jsonrpc.Response && !answered {
		u.log.Warn("dropped an answer that was not asked for there", "bytes", len(one.Raw))
		return false
	}
	u.backlog.deliver(sink, one)
	return answered
}

// filterSink is a sink that does not get the messages for which drop returns true.
type filterSink struct {
	jsonrpc.Sink
	drop func(jsonrpc.Message) bool
}

func (f filterSink) Message(m jsonrpc.Message) {
	if !f.drop(m) {
		f.Sink.Message(m)
	}
}
