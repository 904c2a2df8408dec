package bridge

import (
	"bytes"
	"errors"
	"sync"

	"mcp-login/internal/jsonrpc"
)

// batch collects the answers to one array of requests. Only MCP 2025-03-26 knows arrays
// (Base Protocol, Batching), so each message in one is sent by itself, and the answers are
// joined again.
type batch struct {
	mu      sync.Mutex
	open    int // requests without an answer
	answers [][]byte
	out     *output
}

// add takes the answer to one request, nil for one that gets none.
func (b *batch) add(answer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answer != nil {
		b.answers = append(b.answers, answer)
	}
	if b.open--; b.open > 0 || len(b.answers) == 0 {
		return
	}
	line := append([]byte("["), bytes.Join(b.answers, []byte(","))...)
	b.out.line(append(line, ']'))
}

// batch handles an array of messages.
func (r *run) batch(m jsonrpc.Message) {
	// One more than there are requests: nothing is written before all of them
	// are known.
	b := &batch{open: 1, out: r.out}
	empty := true
	for element := range jsonrpc.Elements(m.Raw) {
		empty = false
		one, err := jsonrpc.Parse(element)
		if err == nil && one.Kind == jsonrpc.Batch {
			err = errors.New("a batch in a batch")
		}
		if err == nil && one.Kind != jsonrpc.Request {
			r.dispatch(one, nil)
			continue
		}
		b.mu.Lock()
		b.open++
		b.mu.Unlock()
		if err != nil {
			b.add(refusal(one.ID, jsonrpc.CodeInvalidRequest, "the element is not a JSON-RPC message"))
			continue
		}
		r.dispatch(one, b)
	}
	if empty {
		r.refuse(nil, jsonrpc.CodeInvalidRequest, "the batch is empty")
		return
	}
	r.say(b, nil)
}
