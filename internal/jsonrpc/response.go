package jsonrpc

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// ErrorData is the data member of the errors that mcp-login itself answers with.
type ErrorData struct {
	// Source is Source in all of them; it tells them from the server's.
	Source string `json:"source"`
	// Hint is a next step for people, "" when none is known.
	Hint string `json:"hint,omitempty"`
	// Status and RetryAfterSeconds are the server's, where it gave them.
	Status            int `json:"httpStatus,omitzero"`
	RetryAfterSeconds int `json:"retryAfterSeconds,omitzero"`
}

// Source is the source member of ErrorData.
const Source = "mcp-login"

// Refusal builds the error answer of mcp-login to a request that is not carried, with
// a next step for people, "" for none.
func Refusal(id []byte, code int, message, next string) []byte {
	return ErrorResponse(id, code, message, ErrorData{Source: Source, Hint: next})
}

// Words returns what a client is told about err, each on one line: the message, and what
// to do, "" when that is not known. Most clients show the message and nothing else, so
// that it says both.
func Words(err error) (message, next string) {
	message, next = foreign.Message(err.Error()), foreign.Message(hint.Of(err))
	if next != "" {
		message += " (" + next + ")"
	}
	return message, next
}

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
	return Edited(version, Edit{"id", id}, Edit{"error", squeeze(rawError)})
}

// Result builds an answer from a raw result that stands on one line.
func Result(id []byte, result string) []byte {
	return Edited(version, Edit{"id", id}, Edit{"result", []byte(result)})
}

// version is what every message begins with.
var version = []byte(`{"jsonrpc":"2.0"}`)
