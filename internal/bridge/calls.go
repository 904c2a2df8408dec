package bridge

import (
	"context"
	"sync"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
)

// call is one request of the client under way.
type call struct {
	id     []byte
	key    string
	modern bool // of 2026-07-28, which cancels by closing the stream
	cancel context.CancelCauseFunc

	mu   sync.Mutex
	over bool // answered, or cancelled by the client
}

// finish claims the one answer; only the first claim succeeds.
func (c *call) finish() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.over
	c.over = true
	return first
}

// calls is the set of requests under way.
type calls struct {
	mu    sync.Mutex
	open  map[string][]*call // by id; a client may use one id twice
	n     int
	empty chan struct{} // closed while n is 0
}

func newCalls() *calls {
	c := &calls{open: map[string][]*call{}, empty: make(chan struct{})}
	close(c.empty)
	return c
}

func (c *calls) add(m jsonrpc.Message, cancel context.CancelCauseFunc) *call {
	one := &call{id: m.ID, key: jsonrpc.Key(m.ID), modern: upstream.Modern(m), cancel: cancel}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[one.key] = append(c.open[one.key], one)
	if c.n++; c.n == 1 {
		c.empty = make(chan struct{})
	}
	return one
}

// remove takes a call out; it may be called more than once.
func (c *calls) remove(one *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.open[one.key]
	for i, other := range list {
		if other != one {
			continue
		}
		if c.open[one.key] = append(list[:i:i], list[i+1:]...); len(list) == 1 {
			delete(c.open, one.key)
		}
		if c.n--; c.n == 0 {
			close(c.empty)
		}
		return
	}
}

// find returns the latest call with this id.
func (c *calls) find(key string) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.open[key]; len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// idle returns a channel that is closed when no call is open.
func (c *calls) idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.empty
}
