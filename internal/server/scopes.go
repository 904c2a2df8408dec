package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
)

// permit is what a request may do: who calls, and what the answer to those who
// may not has to name.
type permit struct {
	server      *Server
	metadataURL string
	identity    Identity
}

type permitKey struct{}

func (s *Server) withPermit(ctx context.Context, metadataURL string, id Identity) context.Context {
	return context.WithValue(bearer.WithIdentity(ctx, id), permitKey{}, permit{s, metadataURL, id})
}

// checkToolScopes refuses scopes of a tool that is not there: a name that is
// misspelt would leave the tool it is meant for without any.
func (s *Server) checkToolScopes() error {
	var errs []error
	for name := range s.toolScopes {
		if s.mcp.GetTool(name) == nil {
			errs = append(errs, fmt.Errorf("tool scopes: there is no tool %q", name))
		}
	}
	return errors.Join(errs...)
}

// allowMessage reads a message and decides whether the caller may send it, or
// answers itself and returns false. This must be done before mcp-go sees the
// message: a client asks for more scopes because of a 403, not because of a
// JSON-RPC error.
func allowMessage(w http.ResponseWriter, r *http.Request, body []byte) (message, bool) {
	m, err := readMessage(body)
	if err != nil {
		refuseMessage(w, r, err)
		return m, false
	}
	p, ok := r.Context().Value(permitKey{}).(permit)
	if !ok || m.tool == "" {
		return m, true
	}
	if err := p.server.mayCall(p.identity, m.tool); err != nil {
		p.server.refuse(w, r, p.metadataURL, err)
		return m, false
	}
	return m, true
}

// mayCall returns an *InsufficientScopeError if id lacks a scope that the tool
// needs. It names the scopes the client should ask for next: the server's, the
// tool's, and those it has that some tool uses, so that it loses none.
func (s *Server) mayCall(id Identity, tool string) error {
	need := s.toolScopes[tool]
	if !slices.ContainsFunc(need, func(scope string) bool { return !slices.Contains(id.Scopes, scope) }) {
		return nil
	}
	all := slices.Clone(s.scopes)
	for _, scope := range need {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	for _, scope := range id.Scopes {
		if !slices.Contains(all, scope) && s.ofUse(scope) {
			all = append(all, scope)
		}
	}
	return &InsufficientScopeError{Scopes: all}
}

// ofUse reports whether some tool needs the scope.
func (s *Server) ofUse(scope string) bool {
	for _, need := range s.toolScopes {
		if slices.Contains(need, scope) {
			return true
		}
	}
	return false
}

// scoped is the second line of defence, around the tool itself: should a
// message ever get past [allowMessage] by a way not thought of, the tool does
// not run.
func (s *Server) scoped(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		id, _ := IdentityFrom(ctx)
		if err := s.mayCall(id, request.Params.Name); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
}
