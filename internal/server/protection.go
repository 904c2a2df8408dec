package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"mcp-login/bearer"
	"mcp-login/internal/server/profile"
)

// guarded is the resource, as clients of either endpoint see it, and what is known of
// callers beside what their tokens say.
type guarded struct {
	resource, legacyResource *bearer.Resource
	profiles                 *profile.Source
}

// protect makes the resource of cfg, as clients of both endpoints see it.
func (f *front) protect(cfg *Config) error {
	protection := cfg.Config
	protection.Audiences = slices.Concat(f.layout.audiences()[1:], cfg.Audiences)
	protection.Log = f.log
	protection.Observe, protection.Admit = f.verdicts.observe, f.admit
	protection.ClientAddress = func(r *http.Request) string { return clientOf(r.Context()) }
	if cfg.DPoP != nil {
		proofs := *cfg.DPoP
		proofs.Refused = f.metrics.refusedProof
		if proofs.Target = f.target; f.ops.Bus != nil {
			proofs.Remember = f.ops.Bus.Remember
		}
		protection.DPoP = &proofs
	}
	sse, err := url.Parse(f.layout.sseEndpoint())
	if err != nil {
		return fmt.Errorf("resource %s: %w", f.layout.resource, err)
	}
	if f.resource, err = bearer.New(protection); err != nil {
		return err
	}
	f.legacyResource = f.resource.At(sse)
	return nil
}

// target is what a DPoP proof must be for (RFC 9449 section 4.2): the request as its client has
// sent it to the resource's own origin, whatever a proxy made of it.
func (f *front) target(r *http.Request) (method string, address *url.URL, err error) {
	path := r.URL.EscapedPath()
	method, asked := r.Context().Value(askedMethodKey{}).(string)
	if !asked {
		method, path = r.Method, f.layout.public(path)
	} else if method == "" {
		return "", nil, errors.New("the proxy does not say X-Forwarded-Method and X-Forwarded-Uri, which the DPoP proof must be for")
	}
	address, err = url.Parse(f.layout.origin + path)
	if err != nil {
		return "", nil, errors.New("the request's path is none that a DPoP proof can be for")
	}
	return method, address, nil
}

// Reload fetches metadata and keys of all issuers anew, and forgets all verdicts, see
// [bearer.Resource.Reload].
func (f *front) Reload() { f.resource.Reload() }

// refuse answers a request that its resource refuses with err.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	recordReason(r.Context(), err)
	recordOf(r.Context()).resource.Refuse(w, r, err)
}
