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
	m.provisional = r.cfg.SignIn.Provisional()
	r.update(func(s *state) { ok = s.put(m) })
	return ok
}

// maxSpare is how many goroutines wait for another message.
const maxSpare = 64

// start hands a message to a goroutine: to one that waits for work, or to a new one.
// One that has carried a request has a stack that is large enough for the next,
// which a new one has to grow and copy four times: 16 % of the CPU of a small call in
// BenchmarkRelay (7 of 7 pairs). It is called in update.
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
		err := jsonrpc.First(m.r.cfg.Server, m.m).Send(m.ctx, m.m, m)
		if err == nil {
			err = errNoAnswer // unless it was answered
		}
		if m.claim() {
			m.reply(answerFor(m.m.ID, err))
		}
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
	if m.cuts != nil {
		defer m.cuts.cancel(context.Canceled)
	}
	defer retry.Every(m.limit, func() bool {
		awaited := r.cfg.SignIn.Awaited()
		if !awaited {
			stop(errNotTaken)
		}
		return awaited
	})()
	err := jsonrpc.First(r.cfg.Server, m.m).Send(ctx, m.m, jsonrpc.Discard)
	if err != nil && r.ctx.Err() == nil {
		r.cfg.Log.Warn("a message of the client did not reach the server", "method", m.m.Method, "error", err)
	}
}

// reply gives the client an answer, or the batch that the request came in.
func (m *message) reply(answer []byte) {
	if m.in != nil {
		m.in.add(answer)
		return
	}
	m.r.out.line(answer)
}

// claim takes the right to the one answer; only the first claim succeeds.
func (m *message) claim() (first bool) {
	m.r.update(func(*state) {
		first = !m.settled
		m.settled = true
	})
	return first
}
