package bearer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mcp-login/internal/retry"
)

const (
	// fetchTimeout bounds one visit to the provider.
	fetchTimeout = 10 * time.Second
	// retryPause is how long a failed fetch is remembered. Requests in that
	// time fail at once instead of queueing up behind a provider that is down.
	// Clients are told to come back after the same time.
	retryPause = 5 * time.Second
	// maxStale is how long a copy serves while every attempt to renew it
	// fails: long enough for a provider's bad night, not for ever, since a key
	// may have been withdrawn meanwhile.
	maxStale = 24 * time.Hour
)

// remote keeps the newest good copy of a document of the provider. It is
// fetched on first use, by one fetch for all who wait; renewed in the
// background once it is older than maxAge, and on demand by newer, but that
// never more often than minInterval. A copy stays in use while renewing it
// fails, up to maxStale.
type remote[T any] struct {
	name        string
	life        context.Context // ends all fetches
	fetch       func(ctx context.Context) (T, error)
	maxAge      time.Duration
	minInterval time.Duration

	mu      sync.Mutex
	value   T
	version int // counts good fetches; 0 means there is no value yet
	err     error
	tried   time.Time             // end of the last attempt
	asked   time.Time             // end of the last attempt that somebody waited for
	loaded  time.Time             // end of the last good one
	running *retry.Call[struct{}] // the fetch under way, nil if there is none
	next    *retry.Call[struct{}] // the one that follows it, nil if none does
}

// get returns the document and its version. Its error matches ErrUnavailable.
func (r *remote[T]) get(ctx context.Context) (T, int, error) {
	r.mu.Lock()
	age := time.Since(r.loaded)
	if r.version == 0 || age > maxStale {
		version := r.version
		r.mu.Unlock()
		return r.newer(ctx, version)
	}
	defer r.mu.Unlock()
	if age > r.maxAge && r.running == nil && !r.pausing() {
		r.start(false)
	}
	return r.value, r.version, nil
}

// newer returns a document newer than version if there is one or if it is time
// to look for one, and the same one otherwise. Its error matches ErrUnavailable.
func (r *remote[T]) newer(ctx context.Context, version int) (T, int, error) {
	r.mu.Lock()
	if r.version > version || r.running == nil && r.pausing() {
		defer r.mu.Unlock()
		return r.result(version)
	}
	if r.running == nil {
		r.start(true)
	}
	running := r.running
	r.mu.Unlock()

	if err := running.Wait(ctx); err != nil {
		var zero T
		return zero, 0, fmt.Errorf("wait for %s: %w: %w", r.name, ErrUnavailable, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result(version)
}

// pausing is called with mu held.
func (r *remote[T]) pausing() bool { return r.pause() > 0 }

// pause is called with mu held. Background renewals do not count against minInterval,
// since no caller can cause them.
func (r *remote[T]) pause() time.Duration {
	switch {
	case r.tried.IsZero():
		return 0
	case r.err != nil:
		return retryPause - time.Since(r.tried)
	}
	return r.minInterval - time.Since(r.asked)
}

// wait is how long newer will not look for a newer copy.
func (r *remote[T]) wait() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.pause())
}

// renew fetches a new copy in the background, once more if that is being done
// already, since the one under way may have begun too early. It returns that fetch.
func (r *remote[T]) renew() *retry.Call[struct{}] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.start(false)
		return r.running
	}
	if r.next == nil {
		r.next = retry.NewCall[struct{}]()
	}
	return r.next
}

// result is called with mu held. A failure counts only for those who do not
// have what they came for.
func (r *remote[T]) result(version int) (T, int, error) {
	if r.err != nil && r.version <= version {
		var zero T
		return zero, 0, fmt.Errorf("load %s: %w: %w", r.name, ErrUnavailable, r.err)
	}
	return r.value, r.version, nil
}

// start is called with mu held; demanded says that somebody waits. The fetch
// does not end with the request that caused it, since others may be waiting for
// it too.
func (r *remote[T]) start(demanded bool) {
	call := r.next
	if call == nil {
		call = retry.NewCall[struct{}]()
	}
	r.running, r.next = call, nil
	go func() {
		ctx, cancel := context.WithTimeout(r.life, fetchTimeout)
		defer cancel()
		value, err := r.fetch(ctx)

		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			r.value, r.loaded = value, time.Now()
			r.version++
		}
		r.err, r.tried, r.running = err, time.Now(), nil
		if demanded {
			r.asked = r.tried
		}
		call.End(struct{}{}, nil)
		if r.next != nil {
			r.start(false)
		}
	}()
}
