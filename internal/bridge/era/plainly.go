package era

import "mcp-login/internal/jsonrpc"

// plainly takes out of an answer what clients with sessions would refuse: output
// that is no object, and a schema for it (B13). Everything else is additive and
// stays (B5).
func (c *sessionClient) plainly(m, reply jsonrpc.Message) jsonrpc.Message {
	switch m.Method {
	case "tools/call":
		if content := jsonrpc.Member(reply.Result, "structuredContent"); content != nil && !isObject(content) {
			return withResult(reply, jsonrpc.Without(reply.Result, "structuredContent"))
		}
	case "tools/list":
		return plainTools(reply)
	}
	return reply
}

// plainTools leaves out output schemas that are not for an object.
func plainTools(reply jsonrpc.Message) jsonrpc.Message {
	raw := jsonrpc.Member(reply.Result, "tools")
	if len(raw) == 0 || raw[0] != '[' {
		return reply
	}
	tools, changed := jsonrpc.Elements(raw), false
	for i, tool := range tools {
		schema := jsonrpc.Member(tool, "outputSchema")
		if kind, _ := jsonrpc.Text(jsonrpc.Member(schema, "type")); schema != nil && kind != "object" {
			tools[i], changed = jsonrpc.Without(tool, "outputSchema"), true
		}
	}
	if !changed {
		return reply
	}
	return withResult(reply, jsonrpc.With(reply.Result, "tools", jsonrpc.Array(tools)))
}
