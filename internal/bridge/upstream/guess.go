package upstream

import (
	"bytes"
	"context"

	"mcp-login/internal/jsonrpc"
)

// guessFrom is in how many bytes of a body it must be seen what it is.
const guessFrom = 512

// guess delivers an answer whose media type says nothing about it: the type is
// missing, or one that servers give to whatever they do not know. It is taken if it
// is one JSON-RPC message that answers the request, as it is or in an event stream,
// and nothing else in it is passed on.
func (a *answer) guess(ctx context.Context) error {
	a.guessed = true
	sink := a.sink
	a.sink = jsonrpc.SinkFunc(func(one jsonrpc.Message) { // not in pieces: the whole has to be seen
		if answers(one, a.m) && string(jsonrpc.Member(one.Raw, "jsonrpc")) == `"2.0"` {
			a.taken = true
			sink.Message(one)
		}
	})
	switch start := a.start(); {
	case bytes.HasPrefix(start, []byte("{")):
		return a.body(ctx)
	case isEvents(start):
		return a.stream(ctx)
	case bytes.HasPrefix(start, []byte("<")):
		return notMCPPage(a.resp)
	}
	return notMCP(a.resp)
}

// start returns the first bytes of the body behind a byte order mark and blanks;
// all of them stay in it.
func (a *answer) start() []byte {
	first := make([]byte, 0, guessFrom)
	var text []byte
	for len(text) < len("retry:") && len(first) < guessFrom {
		n, err := a.resp.Body.Read(first[len(first):guessFrom])
		first = first[:len(first)+n]
		if text = bytes.TrimLeft(bytes.TrimPrefix(first, byteOrderMark), " \t\r\n"); err != nil {
			break // whoever reads on meets it again
		}
	}
	a.resp.Body = &begunBody{ReadCloser: a.resp.Body, first: first}
	return text
}

// isEvents reports whether a text begins like an event stream.
func isEvents(text []byte) bool {
	for _, field := range []string{":", "data:", "event:", "id:", "retry:"} {
		if bytes.HasPrefix(text, []byte(field)) {
			return true
		}
	}
	return false
}
