package server

import (
	"context"
	"fmt"
	"sync"
	"time"
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
// background once it is older than maxAge, and on demand by newer, but never
// more often than minInterval. A copy stays in use while renewing it fails, up
// to maxStale.
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
	tried   time.Time     // end of the last attempt
	loaded  time.Time     // end of the last good one
	running chan struct{} // closed when the fetch under way ends; nil if none
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
		r.start()
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
		r.start()
	}
	running := r.running
	r.mu.Unlock()

	select {
	case <-running:
	case <-ctx.Done():
		var zero T
		return zero, 0, fmt.Errorf("wait for %s: %w: %w", r.name, ErrUnavailable, ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result(version)
}

func (r *remote[T]) pausing() bool {
	if r.tried.IsZero() {
		return false
	}
	pause := r.minInterval
	if r.err != nil {
		pause = retryPause
	}
	return time.Since(r.tried) < pause
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

// start is called with mu held. The fetch does not end with the request that
// caused it, since others may be waiting for it too.
func (r *remote[T]) start() {
	done := make(chan struct{})
	r.running = done
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
		close(done)
	}()
}
