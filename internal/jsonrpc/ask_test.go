package jsonrpc_test

import (
	"context"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// The first answer to the request is the answer; everything else goes to others.
func TestAskReturnsTheFirstAnswer(t *testing.T) {
	request := jsonrpc.NewRequest([]byte("1.0"), "x", nil)
	var others []string
	answer, err := jsonrpc.Ask(t.Context(), func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		for _, raw := range []string{`{"jsonrpc":"2.0","method":"n"}`, `{"jsonrpc":"2.0","id":2,"result":2}`, `{"jsonrpc":"2.0","id":1,"result":3}`, `{"jsonrpc":"2.0","id":1,"result":4}`} {
			sink.Message(jsonrpc.Built([]byte(raw)))
		}
		return nil
	}, request, func(m jsonrpc.Message) { others = append(others, m.Method+string(m.Result)) })
	if err != nil || string(answer.Result) != "3" || len(others) != 3 || others[0] != "n" || others[1] != "2" || others[2] != "4" {
		t.Error(answer, others, err)
	}
}

// A message is of 2026-07-28 when its _meta names that revision or a later one.
func TestStatelessMessageNamesItsRevision(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"jsonrpc":"2.0","id":1,"method":"x"}`: false,
		`{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`:          true,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}}}`: false,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`: true,
	} {
		if got := jsonrpc.Built([]byte(raw)).Stateless(); got != want {
			t.Errorf("%s: %t", raw, got)
		}
	}
}
