package protover

import (
	"strconv"
	"sync/atomic"

	"mcp-login/internal/jsonrpc"
)

func number(n int) string { return strconv.Itoa(n) }

// parsed parses what was built here out of valid parts.
func parsed(raw []byte) jsonrpc.Message {
	m, _ := jsonrpc.Parse(jsonrpc.Squeeze(raw))
	return m
}

// request builds a request; id and params are raw.
func request(id []byte, method string, params []byte) jsonrpc.Message {
	raw := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	raw = append(append(raw, `,"method":`...), jsonrpc.Quote(method)...)
	return parsed(append(append(append(raw, `,"params":`...), params...), '}'))
}

// notification builds a notification; nil params are left out.
func notification(method string, params []byte) jsonrpc.Message {
	raw := append([]byte(`{"jsonrpc":"2.0","method":`), jsonrpc.Quote(method)...)
	if params != nil {
		raw = append(append(raw, `,"params":`...), params...)
	}
	return parsed(append(raw, '}'))
}

// result builds an answer from a raw result.
func result(id, raw []byte) jsonrpc.Message { return parsed(jsonrpc.Result(id, string(raw))) }

// refusal builds an error answer.
func refusal(id []byte, code int, message string) jsonrpc.Message {
	return parsed(jsonrpc.ErrorResponse(id, code, message, nil))
}

// withID returns m under another raw id.
func withID(m jsonrpc.Message, id []byte) jsonrpc.Message {
	if string(m.ID) == string(id) {
		return m
	}
	return parsed(jsonrpc.With(m.Raw, "id", id))
}

// withParams returns m with other raw params.
func withParams(m jsonrpc.Message, params []byte) jsonrpc.Message {
	return parsed(jsonrpc.With(m.Raw, "params", params))
}

// withResult returns an answer with another raw result.
func withResult(m jsonrpc.Message, raw []byte) jsonrpc.Message {
	return parsed(jsonrpc.With(m.Raw, "result", raw))
}

// answers reports whether reply is the answer to the request m.
func answers(reply, m jsonrpc.Message) bool {
	return reply.Kind == jsonrpc.Response && jsonrpc.Key(reply.ID) == jsonrpc.Key(m.ID)
}

var minted atomic.Uint64

// mint returns a raw id of our own. It is long enough to be nobody else's.
func mint(what string) []byte {
	return []byte(`"mcp-login-` + what + `-` + strconv.FormatUint(minted.Add(1), 10) + `"`)
}

// isObject reports whether raw is a JSON object.
func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }
