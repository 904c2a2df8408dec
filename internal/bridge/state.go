package bridge

import (
	"context"
	"slices"
	"time"

	"mcp-login/internal/jsonrpc"
)

// class says which messages wait for one another: only those of one class do, and
// what comes behind a barrier for that.
type class uint8

const (
	// requests of the client, but for pings.
	requests class = iota
	// pings of the client.
	pings
	// notifications of the client; one after the other, in their order.
	notifications
	// replies to the server: answers to its questions, and cancels.
	replies
	// own answers, that the bridge gives the client by itself.
	own
	classes
)

// limits bound the messages of each class: how many are carried at once, and how
// many wait, in number and bytes. One message always may wait, whatever its size.
var limits = [classes]struct{ carried, waiting, bytes int }{
	requests:      {1024, 16 << 10, 16 << 20},
	pings:         {64, 1024, 1 << 20},
	notifications: {1, 64 << 10, 16 << 20},
	replies:       {1024, 16 << 10, 16 << 20},
	own:           {1, 16 << 10, 4 << 20},
}

// message is one message on its way, from when it is read until it was carried. For
// a request it is the sink of what comes back.
type message struct {
	r     *run
	m     jsonrpc.Message
	class class
	// beside says that the message does not wait for a barrier, provisional that it does
	// not wait for one that was answered already: it came while SignIn.Provisional held.
	beside, provisional bool

	// in is the batch that takes the answer, of a request and of an own answer; nil
	// when it is a line of its own.
	in        *batch
	key       string // of the id
	stateless bool   // of 2026-07-28, which cancels by closing the stream
	ctx       context.Context
	cancel    context.CancelCauseFunc

	// Of an own answer.
	answer []byte

	// Of what is told the server: how long it may take, and of a cancel the request
	// that is cut then.
	limit time.Duration
	cuts  *message

	// Changed by update alone.
	carried bool // a goroutine has it
	settled bool // the one answer was given, or is not wanted any more
}

func (m *message) isRequest() bool { return m.class <= pings }

// barrier reports whether what comes later waits for m: servers refuse what comes
// before the session stands (MCP 2025-11-25, Lifecycle).
func (m *message) barrier() bool {
	return m.m.Method == "initialize" && m.class == requests || m.m.Method == "notifications/initialized" && m.class == notifications
}

// queue is the messages of one class that are under way.
type queue struct {
	carried int
	waiting []*message // for one that is carried
	count   int        // of those that wait, here and behind a barrier
	bytes   int        // of them
}

// state is all that is under way. Only update reads and changes it.
type state struct {
	byID    map[string][]*message // requests that are not over; a client may use an id twice
	queues  [classes]queue
	barrier *message   // not over, nil for none
	behind  []*message // what came after it, in its order

	asked    bool // the server has put a question to the client
	standing bool // the session is there
	ended    bool // nothing more comes from the client
	spare    int  // goroutines that have carried a message and wait for another
}

// update is the one way to the state. When nothing is under way any more and nothing
// will be, done is closed.
func (r *run) update(f func(s *state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.state)
	if r.state.ended && r.state.idle() {
		r.doneOnce.Do(func() { close(r.done) })
	}
}

func (s *state) idle() bool {
	for _, q := range s.queues {
		if q.carried+q.count > 0 {
			return false
		}
	}
	return true
}

// put gives a message its place; false says that there is none left.
func (s *state) put(m *message) bool {
	q, limit := &s.queues[m.class], limits[m.class]
	behind := s.barrier != nil && !m.beside && (!m.provisional || !s.barrier.settled)
	full := q.count >= limit.waiting || q.bytes > 0 && q.bytes+m.size() > limit.bytes
	if full && (behind || q.carried >= limit.carried) && !s.spared(m) {
		return false
	}
	if m.isRequest() {
		s.byID[m.key] = append(s.byID[m.key], m)
	}
	if behind {
		s.behind = append(s.behind, m)
		q.wait(m)
		return true
	}
	s.place(m)
	return true
}

// spared reports whether m has a place whatever waits: without the notification that
// the client is ready there is no session. A second one is like any other.
func (s *state) spared(m *message) bool {
	ready := func(m *message) bool { return m.class == notifications && m.barrier() }
	return ready(m) && (s.barrier == nil || !ready(s.barrier)) && !slices.ContainsFunc(s.behind, ready)
}

// place starts a message, or lets it wait for others of its class.
func (s *state) place(m *message) {
	if m.barrier() && s.barrier == nil {
		s.barrier = m
	}
	q := &s.queues[m.class]
	if q.carried >= limits[m.class].carried {
		q.waiting = append(q.waiting, m)
		q.wait(m)
		return
	}
	q.carried++
	m.start()
}

func (m *message) size() int { return len(m.m.Raw) + len(m.answer) }

func (q *queue) wait(m *message) {
	q.count++
	q.bytes += m.size()
}

func (q *queue) leave(m *message) {
	q.count--
	q.bytes -= m.size()
}

// over ends a message that was carried: what has waited for it goes on.
func (s *state) over(m *message) {
	q := &s.queues[m.class]
	q.carried--
	s.forget(m)
	if m.m.Method == "notifications/initialized" && m.class == notifications {
		s.standing = true
	}
	s.lift(m)
	if len(q.waiting) > 0 && q.carried < limits[m.class].carried {
		next := shift(&q.waiting)
		q.leave(next)
		q.carried++
		next.start()
	}
}

// lift starts what has waited for m, if m was the barrier.
func (s *state) lift(m *message) {
	if s.barrier != m {
		return
	}
	s.barrier = nil
	for len(s.behind) > 0 && s.barrier == nil {
		next := shift(&s.behind)
		s.queues[next.class].leave(next)
		s.place(next)
	}
}

func shift(list *[]*message) *message {
	first := (*list)[0]
	(*list)[0] = nil // the rest stays where it is
	*list = (*list)[1:]
	return first
}

// forget takes a request out of those that are not over.
func (s *state) forget(m *message) {
	if same := s.byID[m.key]; len(same) == 1 && same[0] == m {
		delete(s.byID, m.key)
	} else if i := slices.Index(same, m); i >= 0 {
		s.byID[m.key] = slices.Delete(same, i, i+1)
	}
}

// withdraw takes a request out of where it waits.
func (s *state) withdraw(m *message) {
	q := &s.queues[m.class]
	list := &q.waiting
	at := slices.Index(*list, m)
	if at < 0 {
		list = &s.behind
		at = slices.Index(*list, m)
	}
	*list = slices.Delete(*list, at, at+1)
	q.leave(m)
	s.forget(m)
	s.lift(m)
}

// find returns the latest request with this id that is not over, nil for none.
func (s *state) find(key string) *message {
	if same := s.byID[key]; len(same) > 0 {
		return same[len(same)-1]
	}
	return nil
}
