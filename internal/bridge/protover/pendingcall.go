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
	x := &pendingCall{c: c, request: m, sent: sent, first: jsonrpc.Key(m.Param("_meta", "progressToken")), cancel: cancel, changed: make(chan struct{}, 1), sink: sink, token: m.Param("_meta", "progressToken")}
	c.mu.Lock()
	c.calls[x] = true
	c.mu.Unlock()
	c.spawn(func() {
		err := c.adapter.cfg.Server.Send(life, sent, jsonrpc.SinkFunc(x.take))
		c.mu.Lock()
		delete(c.calls, x)
		c.mu.Unlock()
		cancel(nil)
		x.mu.Lock()
		x.err, x.over = err, true
		x.mu.Unlock()
		x.wake()
	})
	return x.follow(ctx, m.ID)
}

func (x *pendingCall) wake() {
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

// take takes what belongs to the request.
func (x *pendingCall) take(m jsonrpc.Message) {
	switch {
	case m.Kind == jsonrpc.Request:
		x.c.takeRequest(x, m)
	case m.Kind == jsonrpc.Response:
		if m.Answers(x.sent) {
			x.mu.Lock()
			x.answer = m
			x.mu.Unlock()
		}
	case m.Method != "notifications/message" || x.wantsLog(m):
		x.notify(m)
	}
}

// notify hands a notification to the client, or keeps it until the client is
// back.
func (x *pendingCall) notify(m jsonrpc.Message) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.sink != nil:
		x.deliver(m)
	case len(x.held) < maxHeld:
		x.held = append(x.held, m)
	}
}

// deliver delivers a notification. The server goes on with the token of the first
// request; the client knows only that of its latest. x is locked.
func (x *pendingCall) deliver(m jsonrpc.Message) {
	if m.Method == "notifications/progress" && x.first != "" && x.first != jsonrpc.Key(x.token) && jsonrpc.Key(m.Param("progressToken")) == x.first {
		if x.token == nil {
			return // nobody asked to hear of it any more
		}
		m = withParams(m, jsonrpc.With(m.Params, "progressToken", x.token))
	}
	x.sink.Message(m)
}

// addInputRequest keeps what the server wants to know; ok is false if that is too much.
func (x *pendingCall) addInputRequest(m jsonrpc.Message) (ok bool) {
	x.mu.Lock()
	if ok = len(x.inputRequests)+len(x.put) < maxInputRequests; ok {
		x.inputRequests = append(x.inputRequests, m)
	}
	x.mu.Unlock()
	x.wake()
	return ok
}

// withdraw forgets a question that the server has cancelled.
func (x *pendingCall) withdraw(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.inputRequests = slices.DeleteFunc(x.inputRequests, func(q jsonrpc.Message) bool { return jsonrpc.Key(q.ID) == key })
	for i, q := range x.put {
		if q.Raw != nil && jsonrpc.Key(q.ID) == key {
			x.put[i] = jsonrpc.Message{}
		}
	}
}

// follow waits for the answer, or for questions, and delivers it under the raw
// id. What the client cancels, the server hears of.
func (x *pendingCall) follow(ctx context.Context, id []byte) error {
	for {
		x.mu.Lock()
		switch {
		case x.over:
			sink, answer, err := x.sink, x.answer, x.err
			x.mu.Unlock()
			if answer.Raw != nil {
				sink.Message(x.c.translated(x.request, answer, id))
				return nil
			}
			return err
		case len(x.inputRequests) > 0:
			sink := x.sink
			asked, err := x.c.suspend(x)
			x.mu.Unlock()
			if err != nil {
				x.end()
				return err
			}
			sink.Message(newResult(id, x.c.complete(x.request.Method, asked)))
			return nil
		}
		x.mu.Unlock()
		select {
		case <-x.changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				x.end()
			} else {
				x.cancel(context.Cause(ctx))
			}
			return context.Cause(ctx)
		}
	}
}

// end tells the server that nobody waits any more, and cuts the request.
func (x *pendingCall) end() {
	x.c.spawn(func() {
		ctx, stop := context.WithTimeout(x.c.ctx, farewellTimeout)
		defer stop()
		defer x.cancel(context.Canceled)
		m := jsonrpc.NewNotification("notifications/cancelled", jsonrpc.With(nil, "requestId", x.sent.ID))
		if err := x.c.adapter.cfg.Server.Send(ctx, m, jsonrpc.Discard); err != nil {
			x.c.adapter.log.Debug("the server was not told of a cancelled request", "error", err)
		}
	})
}
