package bridge

import (
	"context"
	"time"

	"mcp-login/internal/jsonrpc"
)

// How long the server may take over what asks for no answer, a login not counted.
const (
	takeTimeout = 15 * time.Second
	// cancelTimeout is the same for a cancel; then the request's stream is cut all
	// the same.
	cancelTimeout = 5 * time.Second
)

// dispatch gives a message of the client its way. It does not wait: neither for the
// server nor, but for one that reads nothing at all, for the client. The answer to a
// request goes into the batch that it came in, if it did.
func (r *run) dispatch(m jsonrpc.Message, in *batch) {
	switch {
	case m.Kind == jsonrpc.Request:
		r.dispatchRequest(m, in)
	case m.Kind == jsonrpc.Response:
		r.answerQuestion(m)
	case m.Method == "notifications/cancelled":
		r.cancelRequest(m)
	default:
		r.notify(m)
	}
}

func (r *run) dispatchRequest(m jsonrpc.Message, in *batch) {
	r.introduce(m)
	switch {
	case m.Method == "ping" && r.waiting():
		// The client asks whether anybody is there while a person signs in or the
		// server starts. It is the bridge that it asks.
		r.say(in, jsonrpc.Result(m.ID, "{}"))
		return
	case m.Method == "initialize":
		r.dropProbes()
	}
	r.request(m, in)
}

// introduce looks for what the client says about itself. It is called by the reading
// goroutine alone.
func (r *run) introduce(m jsonrpc.Message) {
	if r.cfg.Client == nil || r.looked == maxLooked {
		return
	}
	r.looked++
	if info := m.ClientInfo(); info != nil {
		r.looked = maxLooked
		r.cfg.Client(info)
	}
}

// waiting reports whether messages are held up by initialize or a login.
func (r *run) waiting() (behind bool) {
	r.update(func(s *state) { behind = s.barrier != nil })
	return behind || r.cfg.SignIn.Awaited()
}

// say gives the client an answer of the bridge's own, in its batch if it has one. A
// client that reads nothing of many is waited for.
func (r *run) say(in *batch, answer []byte) {
	if m := (&message{class: own, beside: true, in: in, answer: answer}); !r.put(m) {
		m.reply(answer)
	}
}

// request sends a request.
func (r *run) request(m jsonrpc.Message, in *batch) {
	one := &message{m: m, class: requests, in: in, key: jsonrpc.Key(m.ID), stateless: m.Stateless()}
	if m.Method == "ping" {
		one.class = pings
	}
	if !r.put(one) {
		r.say(in, answerFor(m.ID, errBusy))
	}
}

// notify brings the server a notification, in its order.
func (r *run) notify(m jsonrpc.Message) {
	if r.cfg.SignIn.Keep(m) {
		r.update(func(s *state) { s.standing = s.standing || m.Method == "notifications/initialized" })
		return
	}
	if !r.put(&message{m: m, class: notifications, limit: takeTimeout}) {
		r.cfg.Log.Warn("dropped a notification of the client: too many wait for the server", "method", m.Method)
	}
}

// answerQuestion brings the server the client's answer to a question of its, beside
// the notifications: a server that is slow to take one may be waiting for just this
// answer. It may have to do so before it answers initialize.
func (r *run) answerQuestion(m jsonrpc.Message) {
	var asked bool
	r.update(func(s *state) { asked = s.asked })
	if !r.put(&message{m: m, class: replies, beside: asked, limit: takeTimeout}) {
		r.cfg.Log.Warn("dropped an answer of the client: too many wait for the server")
	}
}

// cancelRequest ends a request that the client no longer wants (MCP 2025-11-25,
// Cancellation). The server is told with the client's own message, except by the
// revision of 2026-07-28, where closing the stream says it (Transports), of
// initialize, which that page forbids to cancel, and of a request that it never
// got.
func (r *run) cancelRequest(m jsonrpc.Message) {
	var c *message
	r.update(func(s *state) { c = s.find(jsonrpc.Key(m.Param("requestId"))) })
	switch {
	case c == nil:
		r.notify(m)
		return
	case !c.claim(): // it has its answer, which is not to be cut
		return
	case c.in != nil:
		r.say(c.in, nil) // the batch counts the answers
	}
	switch {
	case r.withdraw(c):
	case c.stateless, c.m.Method == "initialize":
		c.cancel(context.Canceled)
	default:
		if r.cfg.SignIn.Awaited() { // it must not be sent after all, when the login is over
			c.cancel(context.Canceled)
		}
		if !r.put(&message{m: m, class: replies, beside: true, limit: cancelTimeout, cuts: c}) {
			c.cancel(context.Canceled)
		}
	}
}

// withdraw takes a request out of where it waits; false says that it is carried.
func (r *run) withdraw(m *message) (waited bool) {
	r.update(func(s *state) {
		if waited = !m.carried; waited {
			s.withdraw(m)
		}
	})
	return waited
}

// dropProbes ends the probes of a client that now asks for a session on the same
// pipe. They are answered before that, in case it has not given up on them.
func (r *run) dropProbes() {
	var probes []*message
	r.update(func(s *state) {
		for _, same := range s.byID {
			for _, m := range same {
				if m.m.Method == "server/discover" {
					probes = append(probes, m)
				}
			}
		}
	})
	for _, m := range probes {
		if m.claim() {
			r.say(m.in, refusal(m.m.ID, jsonrpc.CodeMethodNotFound, "overtaken by initialize"))
			if !r.withdraw(m) {
				m.cancel(context.Canceled)
			}
		}
	}
}
