package server

import (
	"errors"
	"sync"

	"mcp-login/bearer"
)

// owner is whom something held is counted for: a user, as issuer and subject of
// a verified token, whatever application the token was issued to; or, before the
// token is verified, a client address, which has no issuer.
type owner struct{ issuer, subject string }

func ownerOf(id bearer.Identity) owner { return owner{id.Issuer, id.Subject} }

// quota bounds what requests hold at a time, in all and for each owner, so that
// no owner can take everything. Memory is bounded by what is held: an owner who
// holds nothing is not remembered.
type quota struct {
	total, each int

	mu   sync.Mutex
	used int
	of   map[owner]int
}

func newQuota(total, each int) *quota {
	return &quota{total: total, each: min(each, total), of: make(map[owner]int)}
}

// Why a quota has no room.
var (
	errOwnerHasTooMuch = errors.New("too much of one caller under way")
	errAllHaveTooMuch  = errors.New("too much under way")
)

// acquire holds n more for o if there is room.
func (q *quota) acquire(o owner, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.of[o]+n > q.each:
		return errOwnerHasTooMuch
	case q.used+n > q.total:
		return errAllHaveTooMuch
	}
	q.used += n
	q.of[o] += n
	return nil
}

// release ends what acquire began.
func (q *quota) release(o owner, n int) {
	if n == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used -= n
	if q.of[o] -= n; q.of[o] <= 0 {
		delete(q.of, o)
	}
}

// limits are the quotas of a server, or of all servers of a group: memory and
// connections are the process', whatever resource they are used for.
type limits struct {
	bodies  *quota // bytes of messages, from the first until the answer
	calls   *quota // requests that are answered, without streams
	streams *quota // open streams
}

// newLimits returns the quotas for o, which has its defaults.
func newLimits(o Operations) *limits {
	return &limits{
		bodies:  newQuota(o.TotalBodyBytes, o.MaxBodyBytes),
		calls:   newQuota(o.MaxConcurrent, o.MaxCalls),
		streams: newQuota(o.TotalStreams, o.MaxStreams),
	}
}

// reservation is what one message holds of the limits.
type reservation struct {
	limits       *limits
	owner        owner
	bytes, calls int
}

// reserveBytes takes room for n more bytes.
func (r *reservation) reserveBytes(n int) error {
	err := r.limits.bodies.acquire(r.owner, n)
	if err == nil {
		r.bytes += n
	}
	return err
}

// reserveCall takes a slot.
func (r *reservation) reserveCall() error {
	err := r.limits.calls.acquire(r.owner, 1)
	if err == nil {
		r.calls++
	}
	return err
}

// release gives everything back. It may be called again.
func (r *reservation) release() {
	r.limits.calls.release(r.owner, r.calls)
	r.calls = 0
	r.limits.bodies.release(r.owner, r.bytes)
	r.bytes = 0
}
