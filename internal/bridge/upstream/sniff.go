package upstream

import (
	"bytes"
	"context"

	"mcp-login/internal/jsonrpc"
)

// guessFrom is in how many bytes of a body it must be seen what it is.
const sniffLimit = 512

// guess delivers an answer whose media type says nothing about it: the type is
// missing, or one that servers give to whatever they do not know. It is taken if it
// is one JSON-RPC message that answers the request, as it is or in an event stream,
// and nothing else in it is passed on.
func (a *response) sniff(ctx context.Context) error {
	a.sniffed = true
	sink := a.sink
	a.sink = jsonrpc.SinkFunc(func(one jsonrpc.Message) { // not in pieces: the whole has to be seen
		if one.Answers(a.m) && string(jsonrpc.Member(one.Raw, "jsonrpc")) == `"2.0"` {
			a.answered = true
			sink.Message(one)
		}
	})
	switch start := a.peek(); {
	case bytes.HasPrefix(start, []byte("{")):
		return a.readJSON(ctx)
	case looksLikeEvents(start):
		return a.readEvents(ctx)
	case bytes.HasPrefix(start, []byte("<")):
		return notMCPPage(a.resp)
	}
	return notMCP(a.resp)
}

// start returns the first bytes of the body behind a byte order mark and blanks;
// all of them stay in it.
func (a *response) peek() []byte {
	first := make([]byte, 0, sniffLimit)
	var text []byte
	for len(text) < len("retry:") && len(first) < sniffLimit {
		n, err := a.resp.Body.Read(first[len(first):sniffLimit])
		first = first[:len(first)+n]
		if text = bytes.TrimLeft(bytes.TrimPrefix(first, byteOrderMark), " \t\r\n"); err != nil {
			break // whoever reads on meets it again
		}
	}
	a.resp.Body = &prefixedBody{ReadCloser: a.resp.Body, prefix: first}
	return text
}

// isEvents reports whether a text begins like an event stream.
func looksLikeEvents(text []byte) bool {
	for _, field := range []string{":", "data:", "event:", "id:", "retry:"} {
		if bytes.HasPrefix(text, []byte(field)) {
			return true
		}
	}
	return false
}
