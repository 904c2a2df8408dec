package server

import (
	"context"

	"mcp-login/bearer"
)

// What [bearer] has of a caller.
type (
	Identity               = bearer.Identity
	Verifier               = bearer.Verifier
	InsufficientScopeError = bearer.InsufficientScopeError
)

// Verdicts of a [Verifier], see there.
var (
	ErrInvalidToken = bearer.ErrInvalidToken
	ErrUnavailable  = bearer.ErrUnavailable
)

// IdentityFrom is [bearer.IdentityFrom].
func IdentityFrom(ctx context.Context) (Identity, bool) { return bearer.IdentityFrom(ctx) }

// invalidTokenError is an ErrInvalidToken with a reason for the log. The reason is one of
// a fixed set of texts and never contains a part of the token.
type invalidTokenError string

func (r invalidTokenError) Error() string { return "invalid token: " + string(r) }

func (r invalidTokenError) Is(target error) bool { return target == ErrInvalidToken }
