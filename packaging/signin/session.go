package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// message is what the client reads of a message of the bridge.
type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// whoami plays an MCP client to the bridge: it initializes the session, calls the tool, and
// returns the claims. Whatever else is on stdout must be a message as well.
func whoami(ctx context.Context, p *process) (claims map[string]any, err error) {
	const (
		initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"signin","version":"1"}}}`
		ready      = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
		call       = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`
	)
	if _, err := ask(ctx, p, 1, initialize); err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	result, err := ask(ctx, p, 2, ready+"\n"+call)
	if err != nil {
		return nil, fmt.Errorf("call whoami: %w", err)
	}
	var answer struct {
		IsError bool           `json:"isError"`
		Claims  map[string]any `json:"structuredContent"`
	}
	if err := json.Unmarshal(result, &answer); err != nil || answer.IsError || answer.Claims == nil {
		return nil, fmt.Errorf("call whoami: an answer without claims: %s", result)
	}
	return answer.Claims, nil
}

// ask sends lines and waits for the answer with an id.
func ask(ctx context.Context, p *process, id int, lines string) (json.RawMessage, error) {
	if _, err := io.WriteString(p.stdin, lines+"\n"); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no answer: %w", context.Cause(ctx))
		case line, ok := <-p.lines:
			if !ok {
				return nil, errors.New("it ended without an answer")
			}
			var m message
			switch err := json.Unmarshal([]byte(line), &m); {
			case err != nil:
				return nil, fmt.Errorf("stdout has a line that is no message: %q", line)
			case m.ID == id && m.Error != nil:
				return nil, fmt.Errorf("the answer is an error: %s", m.Error)
			case m.ID == id && m.Result != nil:
				return m.Result, nil
			}
		}
	}
}
