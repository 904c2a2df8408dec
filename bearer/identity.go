package bearer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mcp-login/internal/foreign"
)

// Identity is what a verified token says about its bearer.
type Identity struct {
	// Subject is the person or service, unique within Issuer; never empty.
	Subject string
	// Issuer is the authorization server that vouches for Subject.
	Issuer string
	// ClientID is the application the token was issued to; empty when the
	// provider does not say, as userinfo does not.
	ClientID string
	// Scopes are those the token itself lists. Nil means that they are
	// unknown, not that there are none, as with an opaque token.
	Scopes []string
	// Expiry is when the token ends; zero when unknown.
	Expiry time.Time
	// Claims are all claims as the provider wrote them; a number is a
	// json.Number, with the provider's digits. The map is shared between
	// requests and must not be written to.
	Claims map[string]any
}

// Verifier decides about one bearer token (RFC 6750). It returns the identity,
// or an error that matches [ErrInvalidToken], [ErrUnavailable] or
// *[InsufficientScopeError]; any other error is answered with 500. It is called
// concurrently and must not put the token into its error.
type Verifier func(ctx context.Context, token string) (Identity, error)

// ErrInvalidToken says that the token is malformed, expired, revoked, forged,
// or meant for another server. The client is answered 401.
var ErrInvalidToken = errors.New("invalid token")

// ErrUnavailable says that nobody could tell whether the token is good, because
// the provider did not answer properly. The client is answered 503: a 401 would
// make it throw away a good login.
var ErrUnavailable = errors.New("authorization server unavailable")

// InsufficientScopeError says that the token is good but does not carry every scope
// that is needed. The client is answered 403 with a challenge that names them.
type InsufficientScopeError struct {
	// Scopes are all scopes the operation needs, granted ones included.
	Scopes []string

	// For the log: those that are enforced, and those of the token, nil where nothing tells them.
	need, has []string
}

// Error implements error.
func (e *InsufficientScopeError) Error() string {
	switch text := "insufficient scope: need "; {
	case e.need == nil:
		return text + strings.Join(e.Scopes, " ")
	case e.has == nil:
		return text + strings.Join(e.need, " ") + "; those of the token are unknown: of an opaque one only introspection tells them"
	case len(e.has) == 0:
		return text + strings.Join(e.need, " ") + ", the token has none"
	default:
		return text + strings.Join(e.need, " ") + ", the token has " + foreign.Message(strings.Join(e.has, " "))
	}
}

// InsufficientAuthenticationError says that the token is good, but that its bearer has to
// sign in in another way or anew (RFC 9470). The client is answered 401 with a challenge
// that says how. Handlers may give one to [Resource.Refuse].
type InsufficientAuthenticationError struct {
	// ACRValues are those of which the sign-in must have one; none: any.
	ACRValues []string
	// MaxAge is how long ago it may have been; zero: any time.
	MaxAge time.Duration

	lacks string // the claim that the token does not have, for the log
}

// Error implements error.
func (e *InsufficientAuthenticationError) Error() string {
	text := fmt.Sprintf("insufficient user authentication: need acr %q, max age %s", e.ACRValues, e.MaxAge)
	if e.lacks != "" {
		text += "; the token has no " + e.lacks + ", which the issuer must put into it"
	}
	return text
}

// ErrNoToken says that a request carries no bearer token at all. The client is answered
// 401, with a challenge without an error.
var ErrNoToken = errors.New("no token")

// invalidTokenError is an ErrInvalidToken with a reason for the log. The reason is one of
// a fixed set of texts and never contains a part of the token.
type invalidTokenError string

func (r invalidTokenError) Error() string { return "invalid token: " + string(r) }

func (r invalidTokenError) Is(target error) bool { return target == ErrInvalidToken }
