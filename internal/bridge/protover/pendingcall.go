package protover

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
)

// Bounds of a request that waits for its client.
const (
	// inputTimeout is how long a server's question waits for the client to come
	// back with the answer.
	inputTimeout = 10 * time.Minute
	// maxSuspended is how many requests wait so at once.
	maxSuspended = 256
	// maxHeld bounds the notifications kept meanwhile.
	maxHeld = 256
	// farewellTimeout bounds what is sent for a request that has ended.
	farewellTimeout = 5 * time.Second
)

// pendingCall is one request at the server. For the client it may be several: one
// for each round of questions.
type pendingCall struct {
	c       *statelessClient
	request jsonrpc.Message // the client's first
	sent    jsonrpc.Message // as the server got it
	first   string          // key of its progressToken, "" for none
	cancel  context.CancelCauseFunc
	changed chan struct{} // holds one when there is something to do

	mu            sync.Mutex
	sink          jsonrpc.Sink // nil while the client is away
	token         []byte       // raw progressToken of the client's latest request, nil for none
	held          []jsonrpc.Message
	inputRequests []jsonrpc.Message // not put to the client yet
	put           []jsonrpc.Message // put to the client, in the order of their keys; zero where withdrawn
	answer        jsonrpc.Message
	err           error
	over          bool
	expiry        *time.Timer
}

// call sends a request of the client and follows it.
func (c *statelessClient) call(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Params != nil && !jsonrpc.IsObject(m.Params) {
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "params must be an object"))
		return nil
	}
	if err := c.setLevel(ctx, m); err != nil {
		return err
	}
	sent := jsonrpc.Built(jsonrpc.With(withParams(m, withoutMeta(m.Params)).Raw, "id", jsonrpc.NewID("call")))
	life, cancel := context.WithCancelCause(c.ctx)
	call := &pendingCall{c: c, request: m, sent: sent, first: jsonrpc.Key(m.Param("_meta", "progressToken")), cancel: cancel, changed: make(chan struct{}, 1), sink: sink, token: m.Param("_meta", "progressToken")}
	c.mu.Lock()
	c.calls[call] = true
	c.mu.Unlock()
	c.spawn(func() {
		err := c.adapter.cfg.Server.Send(life, sent, jsonrpc.SinkFunc(call.take))
		c.mu.Lock()
		delete(c.calls, call)
		c.mu.Unlock()
		cancel(nil)
		call.mu.Lock()
		call.err, call.over = err, true
		call.mu.Unlock()
		call.wake()
	})
	return call.follow(ctx, m.ID)
}

func (p *pendingCall) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// take takes what belongs to the request.
func (p *pendingCall) take(m jsonrpc.Message) {
	switch {
	case m.Kind == jsonrpc.Request:
		p.c.takeRequest(p, m)
	case m.Kind == jsonrpc.Response:
		if m.Answers(p.sent) {
			p.mu.Lock()
			p.answer = m
			p.mu.Unlock()
		}
	case m.Method != "notifications/message" || p.wantsLog(m):
		p.notify(m)
	}
}

// notify hands a notification to the client, or keeps it until the client is
// back.
func (p *pendingCall) notify(m jsonrpc.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.sink != nil:
		p.deliver(m)
	case len(p.held) < maxHeld:
		p.held = append(p.held, m)
	}
}

// deliver delivers a notification. The server goes on with the token of the first
// request; the client knows only that of its latest. p is locked.
func (p *pendingCall) deliver(m jsonrpc.Message) {
	if m.Method == "notifications/progress" && p.first != "" && p.first != jsonrpc.Key(p.token) && jsonrpc.Key(m.Param("progressToken")) == p.first {
		if p.token == nil {
			return // nobody asked to hear of it any more
		}
		m = withParams(m, jsonrpc.With(m.Params, "progressToken", p.token))
	}
	p.sink.Message(m)
}

// addInputRequest keeps what the server wants to know; ok is false if that is too much.
func (p *pendingCall) addInputRequest(m jsonrpc.Message) (ok bool) {
	p.mu.Lock()
	if ok = len(p.inputRequests)+len(p.put) < maxInputRequests; ok {
		p.inputRequests = append(p.inputRequests, m)
	}
	p.mu.Unlock()
	p.wake()
	return ok
}

// withdraw forgets a question that the server has cancelled.
func (p *pendingCall) withdraw(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inputRequests = slices.DeleteFunc(p.inputRequests, func(q jsonrpc.Message) bool { return jsonrpc.Key(q.ID) == key })
	for i, q := range p.put {
		if q.Raw != nil && jsonrpc.Key(q.ID) == key {
			p.put[i] = jsonrpc.Message{}
		}
	}
}

// follow waits for the answer, or for questions, and delivers it under the raw
// id. What the client cancels, the server hears of.
func (p *pendingCall) follow(ctx context.Context, id []byte) error {
	for {
		p.mu.Lock()
		switch {
		case p.over:
			sink, answer, err := p.sink, p.answer, p.err
			p.mu.Unlock()
			if answer.Raw != nil {
				sink.Message(p.c.translated(p.request, answer, id))
				return nil
			}
			return err
		case len(p.inputRequests) > 0:
			sink := p.sink
			asked, err := p.c.suspend(p)
			p.mu.Unlock()
			if err != nil {
				p.end()
				return err
			}
			sink.Message(newResult(id, p.c.complete(p.request.Method, asked)))
			return nil
		}
		p.mu.Unlock()
		select {
		case <-p.changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				p.end()
			} else {
				p.cancel(context.Cause(ctx))
			}
			return context.Cause(ctx)
		}
	}
}

// end tells the server that nobody waits any more, and cuts the request.
func (p *pendingCall) end() {
	p.c.spawn(func() {
		ctx, stop := context.WithTimeout(p.c.ctx, farewellTimeout)
		defer stop()
		defer p.cancel(context.Canceled)
		m := jsonrpc.NewNotification("notifications/cancelled", jsonrpc.With(nil, "requestId", p.sent.ID))
		if err := p.c.adapter.cfg.Server.Send(ctx, m, jsonrpc.Discard); err != nil {
			p.c.adapter.log.Debug("the server was not told of a cancelled request", "error", err)
		}
	})
}
