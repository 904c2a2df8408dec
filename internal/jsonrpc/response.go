package jsonrpc

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Codes of JSON-RPC 2.0 that the bridge answers with.
const (
	CodeParseError     = -32700
	CodeInvalidRequest = -32600
	// CodeMethodNotFound answers a request for a method that nobody knows.
	CodeMethodNotFound = -32601
)

// ErrorResponse builds an error answer on one line. id is the raw id of the
// request, nil gives null. data may be nil; it must be encodable.
func ErrorResponse(id []byte, code int, message string, data any) []byte {
	type object struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}
	b, err := json.Marshal(object{code, message, data}, jsontext.AllowInvalidUTF8(true))
	if err != nil { // only unencodable data can do that
		b, _ = json.Marshal(object{Code: code, Message: "the bridge failed to describe an error"})
	}
	return WithError(id, b)
}

// WithError builds an error answer from a raw error object.
func WithError(id, rawError []byte) []byte {
	if id == nil {
		id = []byte("null")
	}
	out := make([]byte, 0, len(id)+len(rawError)+40)
	out = append(out, `{"jsonrpc":"2.0","id":`...)
	out = append(out, id...)
	out = append(out, `,"error":`...)
	out = append(out, Squeeze(rawError)...)
	return append(out, '}')
}

// Result builds an answer from a raw result that stands on one line.
func Result(id []byte, result string) []byte {
	out := make([]byte, 0, len(id)+len(result)+40)
	out = append(out, `{"jsonrpc":"2.0","id":`...)
	out = append(out, id...)
	out = append(out, `,"result":`...)
	out = append(out, result...)
	return append(out, '}')
}
