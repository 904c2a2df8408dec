package grant

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// Token is what a grant led to.
type Token struct {
	AccessToken Secret
	// RefreshToken and IDToken are zero where the answer holds none.
	RefreshToken, IDToken Secret
	// Lifetime is that of the access token, 0 where the answer does not say.
	Lifetime time.Duration
	// Scopes are those granted, nil where the answer does not say: then those that were
	// requested, or at a refresh the same as before (RFC 6749, sections 5.1 and 6). An
	// empty list grants none.
	Scopes []string
	// Account is a name for people from the ID token, "" where it has none.
	Account string
	// Bound tells that the access token is bound to Target.ProofKey.
	Bound bool
}

// maxLifetime bounds what a careless server may say, so that no time overflows.
const maxLifetime = 10 * 365 * 24 * time.Hour

// token reads a success (RFC 6749, section 5.1).
func (a response) token(t *Target) (Token, error) {
	if a.unread != nil {
		return Token{}, a.unread
	}
	o := a.object
	access, idToken := o.Text("access_token"), o.Text("id_token")
	tokenType := o.Text("token_type")
	bound := !t.ProofKey.IsZero() && isBound(tokenType)
	if bound {
		tokenType = ""
	}
	if err := cmp.Or(o.Faults["access_token"], checkToken(access, tokenType)); err != nil {
		return Token{}, err
	}
	if t.BoundOnly && !bound {
		return Token{}, errNotBound
	}
	token := Token{Bound: bound, AccessToken: NewSecret(access), RefreshToken: NewSecret(o.Text("refresh_token")), Scopes: discovery.UsableScopes(o.List("scope"))}
	if seconds, ok := o.Seconds("expires_in"); ok && seconds > 0 {
		token.Lifetime = max(1, time.Duration(min(seconds, maxLifetime.Seconds())*float64(time.Second)))
	}
	if checkToken(idToken, "") == nil { // it may have to stand in a header as well
		token.IDToken = NewSecret(idToken)
		token.Account = accountName(idToken, t.Server.Provider(), t.Registration.ClientID)
	}
	return token, nil
}

var errNoToken = errors.New("the token response holds no access_token")

// needsProof are the types of tokens that cannot be presented alone (RFC 9449, RFC
// 8693, the drafts of MAC and PoP tokens). A token of any other type is a bearer token,
// whatever a provider calls it: user, bot, or nothing.
var needsProof = []string{"dpop", "mac", "pop", "hok", "n_a"}

// isBound reports whether a token of this type is bound to the key of a proof (RFC 9449,
// section 5).
func isBound(tokenType string) bool {
	return strings.EqualFold(strings.TrimSpace(tokenType), dpop.Scheme)
}

// tokenError is the error for an answer that holds no usable token.
func tokenError(op string, err error) error {
	e := &Error{Op: op, Err: err}
	if errors.Is(err, errNotBound) {
		e.Hint = "the provider has to bind tokens to the key of the proofs that it is sent (RFC 9449): tell its operator, or sign out, which forgets a login that is bound to a key"
	}
	return e
}

// checkToken accepts a bearer token that can be put into a header as it is
// (RFC 6750, section 2.1): visible ASCII, so that no line break in it can add
// a header of its own.
func checkToken(token, tokenType string) error {
	if token == "" {
		return errNoToken
	}
	if len(token) > maxTokenBytes {
		return errors.New("the access token is too large to be sent in a header")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return errors.New("the access token holds characters that no token may have")
		}
	}
	if slices.Contains(needsProof, strings.ToLower(strings.TrimSpace(tokenType))) {
		return fmt.Errorf("token type %q is not supported", foreign.Line(tokenType))
	}
	return nil
}

// CheckToken returns an error for what cannot be a bearer token, such as one with
// a line break: for tokens that come from a file of somebody else.
func CheckToken(token Secret) error { return checkToken(token.Reveal(), "") }

// maxTokenBytes is far above real tokens and below common header limits.
const maxTokenBytes = 64 << 10
