package bridge

import (
	"context"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
)

// dispatch starts what a message of the client needs; the answer to a request goes
// into the batch that it came in, if it did. initialize and
// notifications/initialized are barriers: what follows waits for them, because servers refuse what comes before the session
// stands.
func (r *run) dispatch(m jsonrpc.Message, in *batch) {
	reply := r.out.line
	if in != nil {
		reply = in.add
	}
	if m.Kind != jsonrpc.Response && m.Method != "initialize" && r.standIn.speaks() {
		r.speakFor(m, reply)
		return
	}
	switch {
	case m.Method == "notifications/cancelled" && m.Kind == jsonrpc.Notification:
		r.cancelCall(m)
	case m.Method == "ping" && m.Kind == jsonrpc.Request && r.waiting():
		// The client asks whether anybody is there while a person signs in
		// or the server starts. It is the bridge that it asks.
		r.aside(r.ctx, func() { reply(jsonrpc.Result(m.ID, "{}")) })
	case m.Kind == jsonrpc.Request && m.Method == "initialize":
		r.dropProbes()
		r.initialize(m, reply)
	case m.Kind == jsonrpc.Request && m.Method == "server/discover":
		r.probe(m, reply)
	case m.Kind == jsonrpc.Request:
		answer, ok := r.standIn.late(m)
		if !ok {
			answer, ok = r.cfg.Tools.refuse(m)
		}
		if ok {
			r.aside(r.ctx, func() { reply(answer) })
			return
		}
		r.request(m, reply, in != nil)
	case m.Kind == jsonrpc.Response:
		// Beside the lane: a server that is slow to take a notification may
		// be waiting for just this answer.
		gate := r.gate
		r.aside(r.ctx, func() { r.deliver(queued{m: m, gate: gate}) })
	case m.Method == "notifications/initialized":
		done := make(chan struct{})
		r.enqueue(queued{m, r.gate, func() { r.standing.Store(true); close(done) }})
		r.gate = done
	default:
		r.enqueue(queued{m: m, gate: r.gate})
	}
}

// waiting reports whether messages are held up by initialize or a login.
func (r *run) waiting() bool {
	if r.gate != nil {
		select {
		case <-r.gate:
		default:
			return true
		}
	}
	_, awaited := r.cfg.signIn()
	return awaited
}

// speakFor answers for a server that waits for its person.
func (r *run) speakFor(m jsonrpc.Message, reply func([]byte)) {
	if m.Kind == jsonrpc.Notification {
		r.standIn.keep(m)
		return
	}
	answer, again := r.standIn.response(m)
	if again {
		r.again()
	}
	r.aside(r.ctx, func() { reply(answer) })
}

// request sends a request in a goroutine of its own. The returned channel is
// closed when it is over. whole says that the answer is wanted whole.
func (r *run) request(m jsonrpc.Message, reply func([]byte), whole bool) <-chan struct{} {
	done := make(chan struct{})
	ctx, cancel := context.WithCancelCause(r.ctx)
	one := r.calls.add(&call{r: r, id: m.ID, key: jsonrpc.Key(m.ID), method: m.Method, modern: upstream.Modern(m), whole: whole, cancel: cancel, reply: reply})
	gate := r.gate
	r.aside(ctx, func() {
		defer cancel(nil)
		defer close(done)
		err := r.wait(ctx, gate)
		if err == nil {
			err = r.cfg.Upstream.Send(ctx, m, one)
		}
		if err == nil {
			err = errNoAnswer // unless it was answered
		}
		r.settle(one, func() []byte { return answerFor(one.id, err) })
	})
	return done
}

// aside runs f in a goroutine of its own, when one is free or ctx has ended.
func (r *run) aside(ctx context.Context, f func()) {
	release := func() { <-r.slots }
	select {
	case r.slots <- struct{}{}: // most often: the context is not asked
	default:
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			release = func() {}
		}
	}
	job := func() {
		defer release()
		f()
	}
	select {
	case r.jobs <- job: // one that has done with another
	default:
		r.work.Go(func() { r.serve(job) })
	}
}

// maxIdle is how many goroutines wait for another message.
const maxIdle = 64

// serve runs a job, and further ones while messages come: a goroutine that has
// carried a request has a stack that is large enough for the next one, which a
// new one has to grow and copy four times.
func (r *run) serve(job func()) {
	for {
		job()
		if r.idle.Add(1) > maxIdle {
			r.idle.Add(-1)
			return
		}
		select {
		case job = <-r.jobs:
			r.idle.Add(-1)
		case <-r.noMore:
			return
		}
	}
}

func (r *run) wait(ctx context.Context, gate <-chan struct{}) error {
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle gives the one answer to a call, unless there was one. A nil answer is
// for a call that wants none any more.
func (r *run) settle(c *call, answer func() []byte) bool {
	if !c.finish() {
		return false
	}
	defer r.calls.remove(c) // afterwards: who waits for the last answer waits for it to be written
	c.reply(answer())
	return true
}

// cancelCall ends a request that the client no longer wants (P10). The server
// is told with the client's own message, except by the revision of 2026-07-28,
// where closing the stream says it (W19), and of initialize, which must not be
// cancelled at the server (G9).
func (r *run) cancelCall(m jsonrpc.Message) {
	c := r.calls.find(jsonrpc.Key(m.Param("requestId")))
	if c == nil {
		r.enqueue(queued{m: m, gate: r.gate})
		return
	}
	end := func() { c.cancel(context.Canceled) }
	if !r.settle(c, func() []byte { return nil }) {
		return // its answer is being written, and is not to be cut
	}
	if c.modern || c.method == "initialize" {
		end()
		return
	}
	if r.waiting() {
		end() // it must not be sent after all, when the wait is over
	}
	r.aside(r.ctx, func() {
		defer end()
		ctx, stop := context.WithTimeout(r.ctx, cancelTimeout)
		defer stop()
		r.forward(ctx, m)
	})
}

// dropProbes ends the probes of a client that has given up on them and now asks
// for a session on the same pipe: an answer would only come between.
func (r *run) dropProbes() {
	for _, c := range r.calls.of("server/discover") {
		r.settle(c, func() []byte { return nil })
		c.cancel(context.Canceled)
	}
}

// enqueue puts a message into the lane.
func (r *run) enqueue(q queued) {
	select {
	case r.lane <- q:
	case <-r.ctx.Done():
		if q.after != nil {
			q.after()
		}
	}
}

// drive sends notifications one after the other.
func (r *run) drive() {
	for q := range r.lane {
		r.deliver(q)
		if q.after != nil {
			q.after()
		}
	}
}

// deliver sends what asks for no answer, in its turn.
func (r *run) deliver(q queued) {
	if r.wait(r.ctx, q.gate) == nil {
		r.forward(r.ctx, q.m)
	}
}

func (r *run) forward(ctx context.Context, m jsonrpc.Message) {
	err := r.cfg.Upstream.Send(ctx, m, jsonrpc.Discard)
	if err != nil && r.ctx.Err() == nil {
		r.cfg.Log.Warn("a message of the client did not reach the server", "method", m.Method, "error", err)
	}
}
