package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// client is a minimal MCP client of 2025-11-25.
type client struct {
	in   io.Writer
	out  *bufio.Reader
	next int
}

func newClient(in io.Writer, out io.Reader) *client {
	return &client{in: in, out: bufio.NewReader(out)}
}

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

type schema struct {
	Type       string            `json:"type"`
	Default    json.RawMessage   `json:"default"`
	Enum       []json.RawMessage `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
}

// session begins, lists the tools and calls each of them once.
func (c *client) session() error {
	if modern() {
		begun, err := c.call("server/discover", map[string]any{})
		if err != nil {
			return err
		}
		return c.work(begun)
	}
	begun, err := c.call("initialize", map[string]any{
		"protocolVersion": "2025-11-25",
		"capabilities":    map[string]any{"elicitation": map[string]any{"applyDefaults": true, "form": map[string]any{"applyDefaults": true}}},
		"clientInfo":      map[string]any{"name": "mcp-login-conformance", "version": "1"},
	})
	if err != nil {
		return err
	}
	if err := c.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"}); err != nil {
		return err
	}
	return c.work(begun)
}

func modern() bool { return os.Getenv("DRIVER_MODERN") != "" }

func (c *client) work(begun json.RawMessage) error {
	result, err := c.call("tools/list", map[string]any{})
	if err != nil {
		return err
	}
	var list struct {
		Tools []struct {
			Name        string `json:"name"`
			InputSchema schema `json:"inputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(result, &list); err != nil {
		return fmt.Errorf("tools/list: %w", err)
	}
	var scenario struct {
		Calls []struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"toolCalls"`
	}
	_ = json.Unmarshal([]byte(os.Getenv("MCP_CONFORMANCE_CONTEXT")), &scenario)
	for _, call := range scenario.Calls {
		if _, err := c.call("tools/call", call); err != nil {
			return err
		}
	}
	if err := c.everythingElse(begun); err != nil {
		return err
	}
	for _, tool := range list.Tools {
		if len(scenario.Calls) > 0 || os.Getenv("MCP_CONFORMANCE_SCENARIO") == "json-schema-ref-no-deref" { // its server takes no calls
			break
		}
		if _, err := c.call("tools/call", map[string]any{"name": tool.Name, "arguments": arguments(tool.Name, tool.InputSchema, result)}); err != nil {
			return err
		}
	}
	return nil
}

// everythingElse lists and gets the prompts and resources of a server that has any.
func (c *client) everythingElse(begun json.RawMessage) error {
	var server struct {
		Capabilities map[string]json.RawMessage `json:"capabilities"`
	}
	if err := json.Unmarshal(begun, &server); err != nil {
		return err
	}
	for _, kind := range []struct{ name, key, get string }{{"prompts", "name", "prompts/get"}, {"resources", "uri", "resources/read"}} {
		if server.Capabilities[kind.name] == nil {
			continue
		}
		result, err := c.call(kind.name+"/list", map[string]any{})
		if err != nil {
			return err
		}
		var list map[string]json.RawMessage
		_ = json.Unmarshal(result, &list)
		var items []map[string]any
		_ = json.Unmarshal(list[kind.name], &items)
		for _, item := range items {
			if _, err := c.call(kind.get, map[string]any{kind.key: item[kind.key]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// arguments are examples, but for the tool that wants a schema back as it came.
func arguments(tool string, s schema, list json.RawMessage) map[string]any {
	if tool != "json_schema_echo" {
		return example(s)
	}
	var raw struct {
		Tools []struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	_ = json.Unmarshal(list, &raw)
	for _, t := range raw.Tools {
		if t.Name == "json_schema_2020_12_tool" {
			return map[string]any{"schema": t.InputSchema}
		}
	}
	return nil
}

// example fills an object's properties.
func example(s schema) map[string]any {
	values := map[string]any{}
	for name, p := range s.Properties {
		switch {
		case p.Default != nil:
			values[name] = p.Default
		case len(p.Enum) > 0:
			values[name] = p.Enum[0]
		case p.Type == "number" || p.Type == "integer":
			values[name] = 5
		case p.Type == "boolean":
			values[name] = true
		case p.Type == "object":
			values[name] = example(p)
		case p.Type == "array":
			values[name] = []any{}
		default:
			values[name] = "example"
		}
	}
	return values
}

func (c *client) send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = c.in.Write(append(line, '\n'))
	return err
}

// call sends a request and waits for its answer; in between it answers what the
// server asks.
func (c *client) call(method string, params any) (json.RawMessage, error) {
	c.next++
	id := c.next
	if modern() {
		b, _ := json.Marshal(params)
		m := map[string]any{}
		_ = json.Unmarshal(b, &m)
		m["_meta"] = map[string]any{"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": map[string]any{"name": "d", "version": "1"}, "io.modelcontextprotocol/clientCapabilities": map[string]any{"elicitation": map[string]any{}}}
		params = m
	}
	if err := c.send(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		line, err := c.out.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("no answer to %s: %w", method, err)
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("stdout is not JSON: %q", line)
		}
		switch {
		case m.Method != "" && m.ID != nil:
			if err := c.answer(m); err != nil {
				return nil, err
			}
		case m.Method == "" && string(m.ID) == fmt.Sprint(id):
			if m.Error != nil && modern() && method == "server/discover" && c.next == 1 {
				return c.call(method, map[string]any{})
			}
			if m.Error != nil {
				return nil, fmt.Errorf("%s: %s", method, m.Error)
			}
			return c.more(method, params, m.Result)
		}
	}
}

// answer takes the defaults of what is asked, as a host does for somebody who
// agrees.
func (c *client) answer(m message) error {
	if m.Method != "elicitation/create" {
		return c.send(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32601, "message": "not supported"}})
	}
	var asked struct {
		Schema schema `json:"requestedSchema"`
	}
	if err := json.Unmarshal(m.Params, &asked); err != nil {
		return err
	}
	content := map[string]any{}
	for name, p := range asked.Schema.Properties {
		if p.Default != nil {
			content[name] = p.Default
		}
	}
	return c.send(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": map[string]any{"action": "accept", "content": content}})
}

// more answers what a server of 2026-07-28 wants to know, and asks again.
func (c *client) more(method string, params any, result json.RawMessage) (json.RawMessage, error) {
	var r struct {
		Type     string                     `json:"resultType"`
		Requests map[string]json.RawMessage `json:"inputRequests"`
		State    json.RawMessage            `json:"requestState"`
	}
	_ = json.Unmarshal(result, &r)
	if r.Type != "input_required" {
		return result, nil
	}
	p := params.(map[string]any)
	given := map[string]any{}
	for key := range r.Requests {
		given[key] = map[string]any{"action": "accept", "content": map[string]any{"confirmed": true}}
	}
	p["inputResponses"] = given
	delete(p, "requestState")
	if r.State != nil {
		p["requestState"] = r.State
	}
	return c.call(method, p)
}
