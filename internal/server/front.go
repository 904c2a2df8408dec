package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
)

// front is what every request passes before a [backend] answers it, and what both
// need: names, limits, the check of the token, what is logged and counted.
type front struct {
	version string
	ops     Operations
	layout  layout
	originGuard
	guarded
	limited
	observed
	lifecycle
}

// guarded is the resource, as clients of either endpoint see it.
type guarded struct {
	resource, legacyResource *bearer.Resource
}

// limited is what bounds callers: so much at a time, and so many a second.
type limited struct {
	limits                     *limits
	addressLimit, subjectLimit *rateLimiter
}

// observed is what an operator sees.
type observed struct {
	log      *slog.Logger
	metrics  *metrics
	verdicts *verdicts

	upstreamUp func() bool                              // nil without an upstream
	keySet     func(http.ResponseWriter, *http.Request) // nil without assertions
}

// lifecycle ends what goes on: streams first, calls and visits to the provider last.
type lifecycle struct {
	life    context.Context // ends every request
	endLife context.CancelFunc
	streams context.Context // ends open streams
	hangUp  context.CancelFunc

	draining atomic.Bool // not ready for new clients any more
	active   underWay    // protected requests
}

func newFront(cfg *Config) (*front, error) {
	f := &front{
		version: cfg.Version, ops: cfg.withDefaults(), layout: newLayout(cfg.Resource), originGuard: newOriginGuard(cfg),
	}
	if f.version == "" {
		f.version = "dev"
	}
	if f.log = cfg.Log; f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.limits = cfg.shared; f.limits == nil {
		f.limits = newLimits(f.ops)
	}
	f.addressLimit, f.subjectLimit = newRateLimiter(f.ops.AddressRate), newRateLimiter(f.ops.SubjectRate)
	f.verdicts = newVerdicts(f.ops.Bus)
	var err error
	if f.metrics, err = newMetrics(f.ops.Metrics, f.version, f.ops.Bus); err != nil {
		return nil, err
	}
	f.life, f.endLife = context.WithCancel(context.Background())
	f.streams, f.hangUp = context.WithCancel(f.life)
	if err := f.protect(cfg); err != nil {
		f.endLife()
		return nil, err
	}
	return f, nil
}

// end ends everything at once.
func (f *front) end() {
	f.endLife()
	f.resource.Close()
}

// public wraps a document that anyone may read, from any page.
func (f *front) public(serve http.HandlerFunc) http.HandlerFunc {
	return f.named(func(w http.ResponseWriter, r *http.Request) {
		if f.withinRate(w, r) {
			serve(w, r)
		}
	})
}

// named wraps what is served under the server's own name only.
func (f *front) named(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !f.hostAllowed(r) {
			// The name helps whoever sets up a proxy, so it is in the log.
			recordReason(r.Context(), fmt.Errorf("host %.255q is not allowed", r.Host))
			forbidden(w, "This server is not known by the requested host name.")
			return
		}
		serve(w, r)
	}
}

// protected wraps an endpoint that needs a token for resource, see the package comment
// for the order of the checks.
func (f *front) protected(resource *bearer.Resource,
	serve func(http.ResponseWriter, *http.Request, Identity),
) http.HandlerFunc {
	return f.named(func(w http.ResponseWriter, r *http.Request) {
		if !f.originAllowed(r) {
			recordReason(r.Context(), fmt.Errorf("origin %.255q is not allowed", r.Header.Get("Origin")))
			forbidden(w, "Requests from pages of this origin are not allowed.")
			return
		}
		if allowBrowser(w, r) {
			return
		}
		if !f.withinRate(w, r) {
			return
		}
		leave, ok := f.enter(w)
		if !ok {
			return
		}
		defer leave()
		ctx, cancel := endedBy(r.Context(), f.life)
		defer cancel()
		r = r.WithContext(ctx)

		id, ok := authenticate(w, r, resource)
		if !ok {
			return
		}
		record := recordOf(ctx)
		record.subject, record.resource = foreign.Line(id.Subject), resource
		if after, ok := f.subjectLimit.allow(id.Issuer + " " + id.Subject); !ok {
			f.refuseMore(w, limitSubject, after, "too_many_requests", "Too many requests of this user.")
			return
		}
		// A proxy that buffers would hold back events; a cache must keep none
		// of this.
		w.Header().Set("X-Accel-Buffering", "no")
		w.Header().Set("Cache-Control", "no-store")
		serve(w, r.WithContext(resource.WithIdentity(ctx, id)), id)
	})
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
