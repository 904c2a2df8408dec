package protover

import (
	"strconv"

	"mcp-login/internal/jsonrpc"
)

func number(n int) string { return strconv.Itoa(n) }

// newResult builds an answer from a raw newResult.
func newResult(id, raw []byte) jsonrpc.Message { return jsonrpc.Built(jsonrpc.Result(id, string(raw))) }

// newError builds an error answer.
func newError(id []byte, code int, message string) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.ErrorResponse(id, code, message, nil))
}

// withID returns m under another raw id.
func withID(m jsonrpc.Message, id []byte) jsonrpc.Message {
	if string(m.ID) == string(id) {
		return m
	}
	return jsonrpc.Built(jsonrpc.With(m.Raw, "id", id))
}

// withParams returns m with other raw params.
func withParams(m jsonrpc.Message, params []byte) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.With(m.Raw, "params", params))
}

// withResult returns an answer with another raw result.
func withResult(m jsonrpc.Message, raw []byte) jsonrpc.Message {
	return jsonrpc.Built(jsonrpc.With(m.Raw, "result", raw))
}

// isObject reports whether raw is a JSON object.
func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }
