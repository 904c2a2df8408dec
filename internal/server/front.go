package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

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
	f.verdicts, f.profiles = newVerdicts(f.ops.Bus), cfg.Profiles
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

// overRateError are the seconds after which a user may call again.
type overRateError int

func (overRateError) Error() string { return "too many requests of this user" }

// admit bounds the requests of one user.
func (f *front) admit(r *http.Request, id bearer.Identity) error {
	recordOf(r.Context()).subject = foreign.Line(id.Subject)
	if after, ok := f.subjectLimit.allow(id.Issuer + " " + id.Subject); !ok {
		return overRateError(after)
	}
	return nil
}

// protected wraps an endpoint that needs a token for resource, see the package comment
// for the order of the checks.
func (f *front) protected(resource *bearer.Resource,
	serve func(http.ResponseWriter, *http.Request, bearer.Identity),
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

		recordOf(ctx).resource = resource
		id, err := resource.Authenticate(r)
		var over overRateError
		switch {
		case errors.As(err, &over):
			f.refuseMore(w, limitSubject, int(over), "too_many_requests", "Too many requests of this user.")
			return
		case err != nil:
			refuse(w, r, err)
			return
		}
		resource.RenewNonce(w.Header(), r)
		id = f.profiles.Complete(ctx, id)
		// A proxy that buffers would hold back events; a cache must keep none
		// of this.
		w.Header().Set("X-Accel-Buffering", "no")
		w.Header().Set("Cache-Control", "no-store")
		serve(w, r, id)
	})
}
