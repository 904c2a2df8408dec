package server

import (
	"context"

	"mcp-login/bearer"
)

// What [bearer] has of a caller.
type (
	Identity               = bearer.Identity
	Verifier               = bearer.Verifier
	Introspection          = bearer.Introspection
	About                  = bearer.About
	InsufficientScopeError = bearer.InsufficientScopeError
)

// Verdicts of a [Verifier], see there.
var (
	ErrInvalidToken = bearer.ErrInvalidToken
	ErrUnavailable  = bearer.ErrUnavailable
)

// IdentityFrom is [bearer.IdentityFrom].
func IdentityFrom(ctx context.Context) (Identity, bool) { return bearer.IdentityFrom(ctx) }
