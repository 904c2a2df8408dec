package protover

import (
	"strconv"

	"mcp-login/internal/jsonrpc"
)

// cacheable are the methods whose results say for how long they hold.
var cacheable = map[string]bool{
	"server/discover": true, "tools/list": true, "prompts/list": true, "resources/list": true,
	"resources/templates/list": true, "resources/read": true,
}

// complete adds to a result of a server with sessions what 2026-07-28 wants to
// see in it; what stands there stays.
func (c *statelessClient) complete(method string, raw []byte) []byte {
	if !jsonrpc.IsObject(raw) {
		return raw
	}
	c.mu.Lock()
	server := jsonrpc.Member(c.session, "serverInfo")
	c.mu.Unlock()
	raw = withDefault(raw, "resultType", `"complete"`)
	if cacheable[method] {
		raw = withDefault(raw, "ttlMs", "0")
		raw = withDefault(raw, "cacheScope", `"private"`)
	}
	if meta := jsonrpc.Member(raw, "_meta"); jsonrpc.IsObject(server) && jsonrpc.Member(meta, metaServer) == nil {
		raw = jsonrpc.With(raw, "_meta", jsonrpc.With(meta, metaServer, server))
	}
	return raw
}

func withDefault(raw []byte, name, value string) []byte {
	if jsonrpc.Member(raw, name) != nil {
		return raw
	}
	return jsonrpc.With(raw, name, []byte(value))
}

// translated is the server's answer in words of 2026-07-28, under the raw id.
func (c *statelessClient) translated(m, answer jsonrpc.Message, id []byte) jsonrpc.Message {
	if answer.Error == nil {
		return withResult(answer.WithID(id), c.complete(m.Method, answer.Result))
	}
	switch errorCode(answer.Error) {
	case codeOldNotFound:
		return jsonrpc.Built(jsonrpc.WithError(id, jsonrpc.With(answer.Error, "code", []byte(strconv.Itoa(jsonrpc.CodeInvalidParams)))))
	case codeOldURLNeeded:
		if asked := elicitations(answer.Error); asked != nil && mayRequireInput(m.Method) && jsonrpc.Member(m.Params, "_meta", jsonrpc.MetaCapabilities, "elicitation", "url") != nil {
			return newResult(id, c.complete(m.Method, jsonrpc.With([]byte(`{"resultType":"input_required"}`), "inputRequests", asked)))
		}
	}
	return answer.WithID(id)
}

// elicitations makes questions of the addresses that a server wants to have
// visited first, nil for none.
func elicitations(rawError []byte) []byte {
	var asked []jsonrpc.Edit
	for params := range jsonrpc.Elements(jsonrpc.Member(rawError, "data", "elicitations")) {
		if len(asked) == maxInputRequests {
			break
		}
		if jsonrpc.IsObject(params) {
			asked = append(asked, jsonrpc.Edit{Name: "q" + strconv.Itoa(len(asked)+1), Value: newInputRequest("elicitation/create", params)})
		}
	}
	return jsonrpc.Edited(nil, asked...)
}

// newInputRequest builds one entry of inputRequests.
func newInputRequest(method string, params []byte) []byte {
	params = orEmpty(params)
	if method == "elicitation/create" {
		params = jsonrpc.Without(params, "elicitationId") // unknown there
	}
	return jsonrpc.Edited(nil, jsonrpc.Edit{Name: "method", Value: jsonrpc.Quote(method)}, jsonrpc.Edit{Name: "params", Value: params})
}

// mayRequireInput reports whether a request may be answered with questions (MCP
// 2026-07-28, Multi Round-Trip Requests).
func mayRequireInput(method string) bool {
	return method == "tools/call" || method == "prompts/get" || method == "resources/read"
}

// declined reports whether one of the answers to such questions is a refusal.
func declined(responses []byte) bool {
	for _, answer := range jsonrpc.Members(responses) {
		if action, ok := jsonrpc.Text(jsonrpc.Member(answer, "action")); ok && action != "accept" {
			return true
		}
	}
	return false
}
