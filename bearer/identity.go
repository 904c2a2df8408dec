package bearer

import (
	"context"
	"errors"
	"strings"
	"time"
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
}

// Error implements error.
func (e *InsufficientScopeError) Error() string {
	return "insufficient scope: need " + strings.Join(e.Scopes, " ")
}

type identityKey struct{}

// WithIdentity returns ctx for handlers of a request of id, see [IdentityFrom].
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns the verified identity of the request that ctx belongs
// to. It is there for every tool call; false means that ctx is not one.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}
