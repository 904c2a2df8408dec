package bridge

import (
	"context"
	"errors"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// put gives a message its place, or returns false when too many wait already. It
// does not wait itself.
func (r *run) put(m *message) (ok bool) {
	m.r = r
	r.update(func(s *state) { ok = s.put(m) })
	return ok
}

// maxSpare is how many goroutines wait for another message.
const maxSpare = 64

// start hands a message to a goroutine: to one that waits for work, or to a new one.
// One that has carried a request has a stack that is large enough for the next,
// which a new one has to grow and copy four times. It is called in update.
func (m *message) start() {
	r := m.r
	m.carried = true
	if m.isRequest() {
		m.ctx, m.cancel = context.WithCancelCause(r.ctx)
	}
	if r.state.spare > 0 {
		r.state.spare--
		r.more <- m // has room for all of them
		return
	}
	r.work.Go(func() {
		for next := m; next != nil; {
			next.carry()
			next = r.next(next)
		}
	})
}

// next says that a message is over and waits for another one; nil when this
// goroutine is not needed any more.
func (r *run) next(before *message) (m *message) {
	stay := false
	r.update(func(s *state) {
		if stay = s.spare < maxSpare; stay {
			s.spare++
		}
		s.over(before)
	})
	if !stay {
		return nil
	}
	select {
	case m = <-r.more:
	case <-r.closed:
	}
	return m
}

// carry brings a message where it goes.
func (m *message) carry() {
	switch {
	case m.class == own:
		m.reply(m.answer)
	case m.isRequest():
		err := m.r.cfg.Upstream.Send(m.ctx, m.m, m)
		if err == nil {
			err = errNoAnswer // unless it was answered
		}
		m.settle(func() []byte { return answerFor(m.m.ID, err) })
		m.cancel(nil)
	default:
		m.r.tell(m)
	}
}

// errNotTaken is a message that the server did not take in time.
var errNotTaken = errors.New("the server did not take it in time")

// tell brings the server what asks for no answer. A slow server loses what it does
// not take, so that what comes behind is not held up for ever; a login does not
// count.
func (r *run) tell(m *message) {
	ctx, stop := context.WithCancelCause(r.ctx)
	defer stop(nil)
	if m.after != nil {
		defer m.after()
	}
	defer retry.Every(m.limit, func() bool {
		_, awaited := r.cfg.signIn()
		if !awaited {
			stop(errNotTaken)
		}
		return awaited
	})()
	r.forward(ctx, m.m)
}

func (r *run) forward(ctx context.Context, m jsonrpc.Message) {
	err := r.cfg.Upstream.Send(ctx, m, jsonrpc.Discard)
	if err != nil && r.ctx.Err() == nil {
		r.cfg.Log.Warn("a message of the client did not reach the server", "method", m.Method, "error", err)
	}
}

// background runs f, which does something for the client beside its messages.
func (r *run) background(f func()) {
	r.update(func(s *state) { s.others++ })
	r.work.Go(func() {
		defer r.update(func(s *state) { s.others-- })
		f()
	})
}

// settle gives the one answer to a request, unless there was one.
func (m *message) settle(answer func() []byte) bool {
	if !m.claim() {
		return false
	}
	m.reply(answer())
	return true
}

// claim takes the right to the one answer; only the first claim succeeds.
func (m *message) claim() (first bool) {
	m.r.update(func(*state) {
		first = !m.settled
		m.settled = true
	})
	return first
}
