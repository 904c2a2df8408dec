package protover

import (
	"errors"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
)

// newFailure is a request that was not carried over to the other revision, with a next
// step for people, "" for none. It is one line: servers have their say in text.
func newFailure(text, next string) error {
	return &hint.Error{Err: errors.New(foreign.Message(text)), Hint: next}
}

// newResult builds an answer from a raw result.
func newResult(id, raw []byte) jsonrpc.Message { return jsonrpc.Built(jsonrpc.Result(id, string(raw))) }

// newError builds an error answer.
func newError(id []byte, code int, message string) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.ErrorResponse(id, code, message, nil))
}

// withParams returns m with other raw params.
func withParams(m jsonrpc.Message, params []byte) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.With(m.Raw, "params", params))
}

// withResult returns an answer with another raw result.
func withResult(m jsonrpc.Message, raw []byte) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.With(m.Raw, "result", raw))
}
