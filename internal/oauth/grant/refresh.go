package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"

	"mcp-login/internal/dpop"
	"mcp-login/internal/oauth/discovery"
)

// LostAnswerError marks a refresh whose answer did not come: whether the refresh token
// is spent is unknown.
type LostAnswerError struct{ err error }

// Error implements error.
func (e *LostAnswerError) Error() string { return e.err.Error() }

// Unwrap returns the failure.
func (e *LostAnswerError) Unwrap() error { return e.err }

// Refresh spends the refresh token (RFC 6749, section 6). An error that wraps
// discovery.ErrUnavailable says nothing about the token; it is a [*NotSpentError] where
// the token was not used, and a [*LostAnswerError] where that is unknown. Any other
// error but [ErrNotSent] is the provider's refusal.
//
// The request is not that of x/oauth2 because it must repeat resource: without it
// Logto and others answer with a token for nobody.
func (c *Client) Refresh(ctx context.Context, t *Target, refreshToken Secret) (Token, error) {
	const op = opRefresh
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken.Reveal()}}
	c.addTokenParams(form, t.Resource)
	answer, err := c.postRefresh(ctx, t, form)
	switch {
	case errors.Is(err, ErrNotSent):
		return Token{}, err
	case err != nil && neverSent(err):
		return Token{}, &Error{Op: op, Err: errors.Join(discovery.ErrUnavailable, &NotSpentError{}, err)}
	case err != nil:
		return Token{}, &LostAnswerError{unavailable(op, err)}
	case answer.isGrant():
		token, err := answer.token(t)
		switch {
		case errors.Is(err, errNotBound): // what is refreshed is of no use any more
			return Token{}, tokenError(op, err)
		case err != nil:
			return Token{}, unavailable(op, err)
		}
		return token, nil
	case answer.Code == dpop.ErrUseNonce, answer.Code == dpop.ErrorCode, answer.refusesClient() && t.Registration.proves():
		// It was not looked at, but another try is of no use.
		hint := hintFor(answer.Code, "") + "; if it stays so, sign in again: " + c.SignInAgain
		if answer.Code == dpop.ErrorCode { // a new sign-in keeps the key
			hint = hintFor(answer.Code, "") + "; if it stays so, to forget the login with its key before you sign in again, run: " + c.SignOut
		}
		return Token{}, &Error{Op: op, Code: answer.Code, Err: errors.Join(discovery.ErrUnavailable, errors.New(answer.describe())), Hint: hint}
	case answer.isBusy():
		return Token{}, &Error{Op: op, Err: errors.Join(discovery.ErrUnavailable, &NotSpentError{answer.retryAfter}, fmt.Errorf("status %d", answer.status))}
	case !answer.isRefusal():
		return Token{}, &Error{
			Op: op, Err: errors.Join(discovery.ErrUnavailable, fmt.Errorf("status %d without an OAuth error", answer.status)),
			Hint: "if it stays so, sign in again: " + c.SignInAgain,
		}
	}
	return Token{}, c.explainParams(answer.asError(op, t.Resource))
}

// postRefresh sends a refresh. The requested scopes are repeated where the provider
// is known to want that, and once more with them where its refusal says so: Entra
// takes a refresh without them for another resource (AADSTS90009). The granted scopes
// are never requested: a provider may name more than may be requested.
func (c *Client) postRefresh(ctx context.Context, t *Target, form url.Values) (response, error) {
	repeated := url.Values{"scope": {strings.Join(t.Scopes, " ")}}
	maps.Copy(repeated, form)
	if t.RepeatScopes {
		return c.postToken(ctx, t, repeated)
	}
	answer, err := c.postToken(ctx, t, form)
	if err != nil || len(t.Scopes) == 0 || !answer.wantsScopes() {
		return answer, err
	}
	c.Log.Debug("the provider wants the scopes at a refresh")
	second, err := c.postToken(ctx, t, repeated)
	if err != nil || !second.isGrant() {
		return answer, nil //nolint:nilerr // the first answer counts
	}
	t.RepeatScopes = true
	return second, nil
}

// neverSent reports whether a request failed before the server could see it.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
