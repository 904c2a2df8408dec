package protover

import (
	"bytes"

	"mcp-login/internal/jsonrpc"
)

// compatible takes out of an answer what clients with sessions would refuse: output
// that is no object, and a schema for it. Everything else is additive and
// stays.
func (c *sessionClient) compatible(m, reply jsonrpc.Message) jsonrpc.Message {
	switch m.Method {
	case "tools/call":
		if content := jsonrpc.Member(reply.Result, "structuredContent"); content != nil && !jsonrpc.IsObject(content) {
			return withResult(reply, jsonrpc.Without(reply.Result, "structuredContent"))
		}
	case "tools/list":
		return compatibleTools(reply)
	}
	return reply
}

// compatibleTools leaves out output schemas that are not for an object.
func compatibleTools(reply jsonrpc.Message) jsonrpc.Message {
	raw := jsonrpc.Member(reply.Result, "tools")
	tools := jsonrpc.EditElements(raw, func(tool []byte) []byte {
		schema := jsonrpc.Member(tool, "outputSchema")
		if kind, _ := jsonrpc.Text(jsonrpc.Member(schema, "type")); schema != nil && kind != "object" {
			return jsonrpc.Without(tool, "outputSchema")
		}
		return tool
	})
	if bytes.Equal(tools, raw) {
		return reply
	}
	return withResult(reply, jsonrpc.With(reply.Result, "tools", tools))
}
