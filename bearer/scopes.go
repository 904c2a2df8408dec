package bearer

import (
	"context"
	"net/http"
	"slices"
)

// permit is what a handler must know of a request: who calls, and what the answer to
// those who may not has to name.
type permit struct {
	resource *Resource
	identity Identity
}

type permitKey struct{}

// WithIdentity returns ctx for handlers of a request of id, as [Resource.Middleware]
// does: [IdentityFrom] finds it there, and [RequireScope].
func (p *Resource) WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, permitKey{}, &permit{p, id})
}

// IdentityFrom returns the verified identity of the request that ctx belongs
// to; false means that ctx is of none. Some MCP libraries run a tool under the context of
// the request that began the session: then it is whoever began the session, for
// everybody who sends its id.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	if found, ok := ctx.Value(permitKey{}).(*permit); ok {
		return found.identity, true
	}
	return Identity{}, false
}

// RequireScope lets only requests pass whose token has all the scopes, by exact
// comparison. It must stand behind [Resource.Middleware]; without, all are 500.
func RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found, ok := r.Context().Value(permitKey{}).(*permit)
			if !ok {
				(&problem{status: http.StatusInternalServerError, code: "server_error", text: "The request could not be handled."}).write(w)
				return
			}
			if err := found.resource.require(found.identity, scopes); err != nil {
				found.resource.Refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// MayCall returns an *[InsufficientScopeError] if id lacks a scope that the tool
// needs, see [Config.ToolScopes].
func (p *Resource) MayCall(id Identity, tool string) error {
	return p.require(id, p.cfg.ToolScopes[tool])
}

// require returns an *InsufficientScopeError if id lacks a scope of need. It names the
// scopes the client should ask for next: the server's, those of need, and those it
// has, so that it loses none. Of offline_access the client decides itself.
func (p *Resource) require(id Identity, need []string) error {
	if !slices.ContainsFunc(need, func(scope string) bool { return !slices.Contains(id.Scopes, scope) }) {
		return nil
	}
	all := slices.Clone(p.scopes)
	for _, scope := range need {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	for _, scope := range id.Scopes {
		if !slices.Contains(all, scope) && validScope(scope) && scope != "offline_access" {
			all = append(all, scope)
		}
	}
	return &InsufficientScopeError{Scopes: all, need: need, has: id.Scopes}
}
