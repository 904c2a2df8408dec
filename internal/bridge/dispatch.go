package bridge

import (
	"context"

	"mcp-login/internal/jsonrpc"
)

// dispatch starts what a message of the client needs. initialize and
// notifications/initialized are barriers: what follows waits for them, because
// servers refuse what comes before the session stands.
func (r *run) dispatch(m jsonrpc.Message) {
	switch {
	case m.Method == "notifications/cancelled":
		r.cancelCall(m)
	case m.Kind == jsonrpc.Request || m.Kind == jsonrpc.Batch:
		done := r.request(m, r.gate)
		if m.Method == "initialize" {
			r.gate = done
		}
	case m.Method == "notifications/initialized":
		done := make(chan struct{})
		r.enqueue(queued{m, r.gate, func() { close(done) }})
		r.gate = done
	default:
		r.enqueue(queued{m: m, gate: r.gate})
	}
}

// request runs a request, or a batch with requests in it, in a goroutine of
// its own. The returned channel is closed when it is over.
func (r *run) request(m jsonrpc.Message, gate <-chan struct{}) <-chan struct{} {
	done := make(chan struct{})
	ctx, cancel := context.WithCancelCause(r.ctx)
	open := r.openCalls(m, cancel)
	release := r.slot(ctx)
	r.work.Go(func() {
		defer cancel(nil)
		defer close(done)
		defer release()
		err := r.wait(ctx, gate)
		if err == nil {
			err = r.cfg.Upstream.Send(ctx, m, func(reply jsonrpc.Message) { r.fromServer(open, reply) })
		}
		r.settle(open, err)
	})
	return done
}

// slot waits until one more request may run; when ctx has ended it does not
// matter any more.
func (r *run) slot(ctx context.Context) (release func()) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }
	case <-ctx.Done():
		return func() {}
	}
}

// openCalls notes the requests that m asks to be answered.
func (r *run) openCalls(m jsonrpc.Message, cancel context.CancelCauseFunc) []*call {
	if m.Kind == jsonrpc.Request {
		return []*call{r.calls.add(m, cancel)}
	}
	var open []*call
	for _, element := range jsonrpc.Elements(m.Raw) {
		if one, err := jsonrpc.Parse(element); err == nil && one.Kind == jsonrpc.Request {
			open = append(open, r.calls.add(one, cancel))
		}
	}
	return open
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

// settle answers what the server has left unanswered.
func (r *run) settle(open []*call, err error) {
	for _, c := range open {
		if c.finish() {
			if err == nil {
				err = errNoAnswer
			}
			r.out.line(answerFor(c.id, err))
		}
		r.calls.remove(c)
	}
}

// fromServer writes one message of the server to the client. Of answers only
// the first to each request passes, and none to what the client has cancelled.
func (r *run) fromServer(open []*call, m jsonrpc.Message) {
	switch m.Kind {
	case jsonrpc.Batch:
		for _, element := range jsonrpc.Elements(m.Raw) {
			if one, err := jsonrpc.Parse(element); err == nil && one.Kind == jsonrpc.Response {
				r.claim(open, one)
			}
		}
	case jsonrpc.Response:
		if !r.claim(open, m) {
			r.cfg.Log.Debug("dropped an answer that nobody waits for")
			return
		}
	}
	r.out.line(m.Raw)
}

// claim finds the request that an answer is for: one of open, or, for answers
// that come on another stream, any.
func (r *run) claim(open []*call, m jsonrpc.Message) bool {
	key := jsonrpc.Key(m.ID)
	for _, c := range open {
		if c.key == key {
			defer r.calls.remove(c)
			return c.finish()
		}
	}
	if c := r.calls.find(key); c != nil {
		defer r.calls.remove(c)
		return c.finish()
	}
	return false
}

// cancelCall ends a request that the client no longer wants (P10). The server
// is told with the client's own message, except by the revision of 2026-07-28,
// where closing the stream says it (W19).
func (r *run) cancelCall(m jsonrpc.Message) {
	c := r.calls.find(jsonrpc.Key(m.Param("requestId")))
	if c == nil {
		r.enqueue(queued{m: m, gate: r.gate})
		return
	}
	c.finish()
	r.calls.remove(c)
	end := func() { c.cancel(context.Canceled) }
	if c.modern {
		end()
		return
	}
	r.enqueue(queued{m, r.gate, end})
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

// drive sends notifications and responses one after the other.
func (r *run) drive() {
	for q := range r.lane {
		err := r.wait(r.ctx, q.gate)
		if err == nil {
			err = r.cfg.Upstream.Send(r.ctx, q.m, func(reply jsonrpc.Message) { r.fromServer(nil, reply) })
		}
		if err != nil && r.ctx.Err() == nil {
			r.cfg.Log.Warn("a message of the client did not reach the server", "method", q.m.Method, "error", err)
		}
		if q.after != nil {
			q.after()
		}
	}
}
