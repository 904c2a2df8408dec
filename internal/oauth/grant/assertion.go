package grant

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// TokenSource is where a client gets the token of the platform that it runs on, a JWT with
// which it presents itself instead of a person or a secret.
type TokenSource interface {
	// Token returns the token that the platform has now. One that can be asked for an
	// audience makes it for audience.
	Token(ctx context.Context, audience string) (Secret, error)
	// String names the source in errors, without a secret.
	String() string
}

// AssertionClaims are what a JWT says of where and when it may be presented (RFC 7523,
// section 3). A time that it does not say is zero.
type AssertionClaims struct {
	Audience          []string
	NotBefore, Expiry time.Time
}

// ReadAssertion reads the claims of a JWT that can be sent in a form. Nothing is verified.
func ReadAssertion(token Secret) (AssertionClaims, error) {
	var claims struct {
		Audience  jsontext.Value `json:"aud"`
		NotBefore float64        `json:"nbf"`
		Expiry    float64        `json:"exp"`
	}
	if CheckToken(token) != nil || json.Unmarshal(payloadOf(token.Reveal()), &claims) != nil {
		return AssertionClaims{}, errors.New("it is no JSON Web Token (RFC 7519)")
	}
	return AssertionClaims{Audience: audiences(claims.Audience), NotBefore: numericDate(claims.NotBefore), Expiry: numericDate(claims.Expiry)}, nil
}

// For reports whether the JWT is for an authorization server: its issuer is an audience,
// letter for letter but for a slash at its end, which people and platforms forget.
func (a AssertionClaims) For(issuer string) bool {
	return slices.ContainsFunc(a.Audience, func(audience string) bool {
		return strings.TrimSuffix(audience, "/") == strings.TrimSuffix(issuer, "/")
	})
}

// ByAssertion returns r for a client that authenticates with the assertion of Client.Assertion.
func (r Registration) ByAssertion() Registration {
	r.AuthMethod, r.ClientSecret = authAssertion, Secret{}
	return r
}

// IsByAssertion reports whether r is of [Registration.ByAssertion].
func (r Registration) IsByAssertion() bool { return r.AuthMethod == authAssertion }
