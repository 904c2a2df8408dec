package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
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
	_, err := c.call("initialize", map[string]any{
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
	for _, tool := range list.Tools {
		if _, err := c.call("tools/call", map[string]any{"name": tool.Name, "arguments": example(tool.InputSchema)}); err != nil {
			return err
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
			if m.Error != nil {
				return nil, fmt.Errorf("%s: %s", method, m.Error)
			}
			return m.Result, nil
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
