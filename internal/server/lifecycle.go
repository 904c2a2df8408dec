package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
)

// lifecycle ends what goes on: streams first, calls and visits to the provider last.
type lifecycle struct {
	life    context.Context // ends every request
	endLife context.CancelFunc
	streams context.Context // ends open streams
	hangUp  context.CancelFunc

	draining atomic.Bool // not ready for new clients any more
	active   underWay    // protected requests
}

// enter admits a protected request, or answers it itself and returns false. What
// it may hold is decided once it is known whose it is.
func (f *front) enter(w http.ResponseWriter) (leave func(), ok bool) {
	if f.active.enter() != nil {
		w.Header().Set("Connection", "close")
		retryLater(w, "The server is stopping.")
		return nil, false
	}
	f.metrics.inFlight.Inc()
	return func() {
		f.metrics.inFlight.Dec()
		f.active.exit()
	}, true
}

// Drain turns readiness off and leaves everything else as it is, so that a load
// balancer sends new clients elsewhere before Close is called.
func (f *front) Drain() {
	f.draining.Store(true)
	f.metrics.draining.Set(1)
}

// Ready is nil as long as new clients are welcome.
func (f *front) Ready() error {
	if f.draining.Load() {
		return errors.New("the server is stopping")
	}
	return nil
}

// Close ends the server: open streams with a goodbye and once what was posted to
// them is answered, calls under way when they are answered, both when ctx ends
// at the latest. New requests get 503. It returns ctx's error if calls had to be
// cut off. A second call returns nil.
func (f *front) Close(ctx context.Context) error {
	f.Drain()
	drained, first := f.active.close()
	if !first {
		return nil
	}
	defer f.end()
	f.hangUp()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close server: %w", ctx.Err())
	}
}

// end ends everything at once.
func (f *front) end() {
	f.endLife()
	f.resource.Close()
}

// endedBy returns ctx, ended by end as well. Close ends listen requests with
// the streams, at once, and everything in the end; the other streams say goodbye
// by themselves.
func endedBy(ctx, end context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(end, cancel)
	return ctx, func() { stop(); cancel() }
}
