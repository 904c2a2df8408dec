package upstream

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// The two media types of MCP.
const (
	typeJSON = "application/json"
	typeSSE  = "text/event-stream"
)

// jsonTypes are other names of JSON: those from before it had one, and those of JSON-RPC
// over HTTP.
var jsonTypes = map[string]bool{"text/json": true, "text/x-json": true, "application/x-json": true, "application/json-rpc": true, "application/jsonrpc": true, "application/jsonrequest": true}

// mediaType returns the type of the body in lower case, without parameters; every name of
// JSON is typeJSON. Package mime refuses some of the spellings that gateways produce.
func mediaType(resp *http.Response) string {
	header := resp.Header.Get("Content-Type")
	switch header {
	case typeJSON, typeSSE: // the common case
		return header
	}
	for part := range strings.FieldsFuncSeq(header, func(r rune) bool { return strings.ContainsRune(";,: \t\"", r) }) {
		if !strings.Contains(part, "/") {
			continue
		}
		if part = strings.ToLower(part); jsonTypes[part] || strings.HasSuffix(part, "+json") {
			return typeJSON
		}
		return part
	}
	return ""
}

// sniffLimit is how many bytes of a body are read to see what it is.
const sniffLimit = 512

// sniff delivers a response whose media type says nothing: it is missing, or one that
// servers give to whatever they do not know. The body is accepted if it is one JSON-RPC
// message that answers the request, plain or in an event stream; nothing else in it is
// passed on.
func (r *response) sniff(ctx context.Context) error {
	r.sniffed = true
	sink := r.sink
	r.sink = jsonrpc.SinkFunc(func(one jsonrpc.Message) { // no pieces: the whole has to be seen
		if one.Answers(r.m) && string(jsonrpc.Member(one.Raw, "jsonrpc")) == `"2.0"` {
			r.answered = true
			sink.Message(one)
		}
	})
	switch start := r.peek(); {
	case bytes.HasPrefix(start, []byte("{")):
		return r.readJSON(ctx)
	case looksLikeEvents(start):
		return r.readEvents(ctx)
	case bytes.HasPrefix(start, []byte("<")):
		return notMCP(r.resp, true)
	}
	return notMCP(r.resp, false)
}

// peek returns the first bytes of the body after a byte order mark and white space. It
// takes nothing out of the body.
func (r *response) peek() []byte {
	first := make([]byte, 0, sniffLimit)
	var text []byte
	for len(text) < len("retry:") && len(first) < sniffLimit {
		n, err := r.resp.Body.Read(first[len(first):sniffLimit])
		first = first[:len(first)+n]
		if text = bytes.TrimLeft(bytes.TrimPrefix(first, byteOrderMark), " \t\r\n"); err != nil {
			break // the next read returns it again
		}
	}
	r.resp.Body = &prefixedBody{ReadCloser: r.resp.Body, prefix: first}
	return text
}

// looksLikeEvents reports whether a text begins with a field of an event stream, or with
// a comment.
func looksLikeEvents(text []byte) bool {
	for _, field := range []string{":", "data:", "event:", "id:", "retry:"} {
		if bytes.HasPrefix(text, []byte(field)) {
			return true
		}
	}
	return false
}
