package retry

import "context"

// Call is work under way whose one result goes to all who need it meanwhile, as in
// golang.org/x/sync/singleflight. Unlike there, its owner decides under his own lock
// whether a result that he has will do, a Call is joined, or one is begun; he keeps
// the result and forgets the Call under the same lock, and can wait for the work
// when he closes.
type Call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// NewCall returns a Call that has not ended.
func NewCall[T any]() *Call[T] { return &Call[T]{done: make(chan struct{})} }

// End gives the result to all who wait. It is called once.
func (c *Call[T]) End(value T, err error) {
	c.value, c.err = value, err
	close(c.done)
}

// Wait returns nil when the result is there, or the cause of the end of ctx, which
// does not end the work.
func (c *Call[T]) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Result returns what End was given; before that it must not be called.
func (c *Call[T]) Result() (T, error) { return c.value, c.err }
