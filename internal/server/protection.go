package server

import (
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
	protection.Observe = f.verdicts.observe
	protection.ClientAddress = func(r *http.Request) string { return clientOf(r.Context()) }
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

// Reload fetches metadata and keys of all issuers anew, and forgets all verdicts, see
// [bearer.Resource.Reload].
func (f *front) Reload() { f.resource.Reload() }

// refuse answers a request that its resource refuses with err.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	recordReason(r.Context(), err)
	recordOf(r.Context()).resource.Refuse(w, r, err)
}
