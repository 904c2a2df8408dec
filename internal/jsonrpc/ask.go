package jsonrpc

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
)

// Send is how one message is carried: for a request it returns when the answer, and
// before it everything that belongs to the request, has gone to the sink.
type Send func(ctx context.Context, m Message, sink Sink) error

// Ask sends a request and returns the answer to it, the zero Message when there was
// none. Everything else that comes back goes to others, which may be nil.
func Ask(ctx context.Context, send Send, request Message, others func(Message)) (answer Message, err error) {
	var mu sync.Mutex
	err = send(ctx, request, SinkFunc(func(m Message) {
		mu.Lock()
		first := m.Answers(request) && answer.Raw == nil
		if first {
			answer = m
		}
		mu.Unlock()
		if !first && others != nil {
			others(m)
		}
	}))
	mu.Lock()
	defer mu.Unlock()
	return answer, err
}

// Answers reports whether m is the answer to request.
func (m Message) Answers(request Message) bool {
	return request.Kind == Request && m.Kind == Response && (bytes.Equal(m.ID, request.ID) || Key(m.ID) == Key(request.ID))
}

var ids atomic.Uint64

// NewID returns the raw id of a request that no client made. Its prefix tells it from the
// ids of clients; purpose, which may be "", is there for people who read logs.
func NewID(purpose string) []byte {
	if purpose != "" {
		purpose += "-"
	}
	return []byte(`"mcp-login-` + purpose + strconv.FormatUint(ids.Add(1), 10) + `"`)
}

// NewRequest builds a request from a raw id and raw params; nil params are left out.
func NewRequest(id []byte, method string, params []byte) Message {
	return Built(Edited(version, Edit{"id", id}, Edit{"method", Quote(method)}, Edit{"params", params}))
}

// NewNotification builds a notification from raw params; nil params are left out.
func NewNotification(method string, params []byte) Message { return NewRequest(nil, method, params) }

// WithID returns m under another raw id.
func (m Message) WithID(id []byte) Message {
	if bytes.Equal(m.ID, id) {
		return m
	}
	return Built(With(m.Raw, "id", id))
}

// Built parses what was put together out of valid parts.
func Built(raw []byte) Message {
	m, _ := Parse(squeeze(raw))
	return m
}
