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
	reply := r.out.line
	if in != nil {
		reply = in.add
	}
	if shown, clear := r.cfg.Tools.shows(m); !clear || m.Kind == jsonrpc.Notification && !shown {
		if refused, ok := r.cfg.Tools.refuse(m); ok && m.Kind == jsonrpc.Request {
			r.say(reply, refused)
		}
		return
	}
	cancels := m.Kind == jsonrpc.Notification && m.Method == "notifications/cancelled"
	if m.Kind != jsonrpc.Response && m.Method != "initialize" && !cancels && r.speakFor(m, reply) {
		return
	}
	switch {
	case m.Kind == jsonrpc.Request:
		r.dispatchRequest(m, reply, in != nil)
	case m.Kind == jsonrpc.Response:
		r.answerQuestion(m)
	case cancels:
		r.cancelRequest(m)
	default:
		r.notify(m)
	}
}

func (r *run) dispatchRequest(m jsonrpc.Message, reply func([]byte), whole bool) {
	switch {
	case m.Method == "ping" && r.waiting():
		// The client asks whether anybody is there while a person signs in or the
		// server starts. It is the bridge that it asks.
		r.say(reply, jsonrpc.Result(m.ID, "{}"))
	case m.Method == "initialize":
		r.dropProbes()
		r.initialize(m, reply)
	case m.Method == "server/discover":
		r.probe(m, reply)
	default:
		var answer []byte
		if m.Method == "tools/call" {
			r.update(func(s *state) { answer = s.standIn.late(m) })
		}
		if refused, ok := r.cfg.Tools.refuse(m); ok && answer == nil {
			answer = refused
		}
		if answer != nil {
			r.say(reply, answer)
			return
		}
		r.request(m, reply, whole)
	}
}

// waiting reports whether messages are held up by initialize or a login.
func (r *run) waiting() (behind bool) {
	r.update(func(s *state) { behind = s.barrier != nil })
	_, awaited := r.cfg.signIn()
	return behind || awaited
}

// speakFor answers for a server that waits for its person; false says that it does
// not.
func (r *run) speakFor(m jsonrpc.Message, reply func([]byte)) (speaks bool) {
	var answer []byte
	again := false
	r.update(func(s *state) {
		switch speaks = s.standIn.speaks(); {
		case !speaks:
		case m.Kind == jsonrpc.Notification:
			s.standIn.keep(m)
		default:
			answer, again = s.standIn.response(m)
		}
	})
	if again {
		r.again()
	}
	if answer != nil {
		r.say(reply, answer)
	}
	return speaks
}

// say gives the client an answer of the bridge's own. One that reads nothing of many
// is waited for.
func (r *run) say(reply func([]byte), answer []byte) {
	if !r.put(&message{class: own, beside: true, reply: reply, answer: answer}) {
		reply(answer)
	}
}

// request sends a request. whole says that the answer is wanted whole.
func (r *run) request(m jsonrpc.Message, reply func([]byte), whole bool) *message {
	one := &message{m: m, class: requests, reply: reply, whole: whole, key: jsonrpc.Key(m.ID), modern: m.Stateless()}
	switch m.Method {
	case "ping":
		one.class = pings
	case "initialize", "server/discover":
		one.done = make(chan struct{}) // somebody watches over them
	}
	if !r.put(one) {
		if one.settled = true; one.done != nil {
			close(one.done)
		}
		r.say(reply, answerFor(m.ID, errBusy))
	}
	return one
}

// notify brings the server a notification, in its order.
func (r *run) notify(m jsonrpc.Message) {
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
// got. An initialize that was answered here goes on: for the client it is over.
func (r *run) cancelRequest(m jsonrpc.Message) {
	var c *message
	var speaks bool
	r.update(func(s *state) { c, speaks = s.find(jsonrpc.Key(m.Param("requestId"))), s.standIn.speaks() })
	switch {
	case speaks && (c == nil || c.m.Method == "initialize"):
		return
	case c == nil:
		r.notify(m)
		return
	case !c.claim(): // its answer is being written, and is not to be cut
		return
	case c.whole:
		r.say(c.reply, nil) // somebody counts the answers
	}
	end := func() { c.cancel(context.Canceled) }
	_, awaited := r.cfg.signIn()
	switch {
	case r.withdraw(c):
	case c.modern, c.m.Method == "initialize":
		end()
	default:
		if awaited {
			end() // it must not be sent after all, when the login is over
		}
		if !r.put(&message{m: m, class: replies, beside: true, limit: cancelTimeout, after: end}) {
			end()
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
			r.say(m.reply, refusal(m.m.ID, jsonrpc.CodeMethodNotFound, "overtaken by initialize"))
			r.abandon(m)
		}
	}
}

// abandon asks the server no further for what has been answered here.
func (r *run) abandon(m *message) {
	if !r.withdraw(m) {
		m.cancel(context.Canceled)
	}
}
