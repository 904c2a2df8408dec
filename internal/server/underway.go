package server

import (
	"errors"
	"sync"
)

// Why nothing more may begin.
var (
	errClosed         = errors.New("closed")
	errTooManyAtATime = errors.New("too many at a time")
)

// underWay counts what is under way until it is closed; then it is done once nothing
// is left.
type underWay struct {
	limit int // 0: none

	mu   sync.Mutex
	n    int
	done chan struct{} // nil until it is closed
}

// enter begins something, unless that is errClosed or errTooManyAtATime.
func (u *underWay) enter() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.done != nil:
		return errClosed
	case u.limit > 0 && u.n >= u.limit:
		return errTooManyAtATime
	}
	u.n++
	return nil
}

// exit ends what enter began.
func (u *underWay) exit() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 && u.done != nil {
		close(u.done)
	}
}

// close lets nothing new begin. What it returns is closed when nothing is under way
// any more; first is false for all calls but one.
func (u *underWay) close() (done <-chan struct{}, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done != nil {
		return u.done, false
	}
	u.done = make(chan struct{})
	if u.n == 0 {
		close(u.done)
	}
	return u.done, true
}
