package bridge

import (
	"context"
	"slices"
	"sync"
)

// call is one request of the client under way.
type call struct {
	r      *run
	id     []byte
	key    string
	method string
	whole  bool // the answer is wanted whole
	modern bool // of 2026-07-28, which cancels by closing the stream
	cancel context.CancelCauseFunc
	reply  func([]byte) // takes the one answer; nil for none

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
	mu   sync.Mutex
	open map[string][]*call // by id; a client may use one id twice
}

func newCalls() *calls { return &calls{open: map[string][]*call{}} }

func (c *calls) add(one *call) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[one.key] = append(c.open[one.key], one)
	return one
}

// remove takes a call out.
func (c *calls) remove(one *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := slices.DeleteFunc(c.open[one.key], func(other *call) bool { return other == one })
	if c.open[one.key] = left; len(left) == 0 {
		delete(c.open, one.key)
	}
}

// of returns the calls of one method.
func (c *calls) of(method string) (list []*call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, same := range c.open {
		for _, one := range same {
			if one.method == method {
				list = append(list, one)
			}
		}
	}
	return list
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
