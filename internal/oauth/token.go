package oauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// tokenTimeout bounds one request to a token or revocation endpoint. It is
// long: who stops waiting for the answer to a refresh may have lost the login.
const tokenTimeout = 2 * time.Minute

// apply puts a token response into a credential. A refresh answer without a
// new refresh token keeps the old one (RFC 6749, section 6).
func (t tokenResponse) apply(cred *Credential, now time.Time) error {
	if err := checkToken(t.AccessToken, t.TokenType); err != nil {
		return err
	}
	cred.AccessToken, cred.TokenType = NewSecret(t.AccessToken), "Bearer"
	cred.ObtainedAt, cred.Expiry, cred.Unanswered = now, time.Time{}, time.Time{}
	if life, ok := t.lifetime(); ok {
		cred.Expiry = now.Add(life)
	}
	if t.RefreshToken != "" {
		cred.RefreshToken = NewSecret(t.RefreshToken)
	}
	if checkToken(t.IDToken, "") == nil { // it may have to stand in a header as well
		cred.IDToken = NewSecret(t.IDToken)
		if name := accountName(t.IDToken, cred.Provider(), cred.Registration.ClientID); name != "" {
			cred.Account = name
		}
	}
	// The granted scopes are for show. They are not what the next refresh
	// asks for: servers name fewer than they granted. An answer without scope grants
	// what was asked for, or at a refresh the same as before (RFC 6749, sections 5.1
	// and 6); one with an empty scope grants none.
	if t.Scopes != nil {
		cred.GrantedScopes = discovery.UsableScopes(t.Scopes)
	}
	return nil
}

func (t tokenResponse) lifetime() (time.Duration, bool) {
	seconds, ok := secondsOf(t.ExpiresIn)
	if !ok || math.IsNaN(seconds) || seconds <= 0 {
		return 0, false
	}
	// Ten years bounds what a careless server may say without overflow.
	return time.Duration(min(seconds, 10*365*24*3600) * float64(time.Second)), true
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

// exchange spends the authorization code (RFC 6749 section 4.1.3, RFC 7636
// section 4.5, RFC 8707 section 2.2). It is our own request, so that its answer
// is decoded as strictly, and as kindly, as that of a refresh.
func (c *Client) exchange(ctx context.Context, cred *Credential, code, verifier string) error {
	const op = "exchange the authorization code"
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {cred.Registration.RedirectURI},
	}
	signedIn := *cred
	if err := c.requestToken(ctx, op, &signedIn, form); err != nil {
		return err
	}
	if err := c.checkNonce(signedIn.IDToken, verifier); err != nil {
		return &Error{Op: op, Err: err}
	}
	*cred = signedIn
	return nil
}

// requestToken asks for a token with a grant that is no refresh, for the resource
// of cred, and puts the answer into cred.
func (c *Client) requestToken(ctx context.Context, op string, cred *Credential, form url.Values) error {
	if cred.Resource != "" {
		form.Set("resource", cred.Resource)
	}
	c.tokenParams(form)
	answer, err := c.postToken(ctx, cred, form)
	var own *Error
	switch {
	case errors.As(err, &own):
		return err
	case err != nil:
		return unavailable(op, err)
	case answer.busy():
		return busy(op, answer.status)
	case !answer.granted():
		return c.explainParams(answer.refusal(op, cred.Resource))
	}
	if err := answer.apply(cred, c.now()); err != nil {
		return &Error{Op: op, Err: err}
	}
	return nil
}

// config describes the credential's client to x/oauth2. The style is always
// explicit: left to guess, x/oauth2 sends a failed code a second time.
func (c Credential) config() *oauth2.Config {
	cfg := &oauth2.Config{
		ClientID:    c.Registration.ClientID,
		RedirectURL: c.Registration.RedirectURI,
		Scopes:      c.RequestedScopes,
		Endpoint:    oauth2.Endpoint{TokenURL: c.TokenEndpoint, AuthStyle: oauth2.AuthStyleInParams},
	}
	switch c.Registration.AuthMethod {
	case authBasic:
		cfg.ClientSecret, cfg.Endpoint.AuthStyle = c.Registration.ClientSecret.Reveal(), oauth2.AuthStyleInHeader
	case authPost:
		cfg.ClientSecret = c.Registration.ClientSecret.Reveal()
	}
	return cfg
}

// refresh spends the refresh token (RFC 6749, section 6). It is our own
// request because it must repeat resource: without it Logto and others answer
// with a token for nobody. The new credential is returned, the given one is
// left alone, and nothing is saved here.
func (c *Client) refresh(ctx context.Context, cred Credential) (Credential, error) {
	const op = "refresh the access token"
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken.Reveal()}}
	if cred.Resource != "" {
		form.Set("resource", cred.Resource)
	}
	c.tokenParams(form)
	renewed := cred
	answer, err := c.postRefresh(ctx, &renewed, form)
	var own *Error
	switch {
	case errors.As(err, &own):
		return cred, err
	case err != nil && neverSent(err):
		return cred, &Error{Op: op, Err: errors.Join(discovery.ErrUnavailable, &notSpentError{}, err)}
	case err != nil:
		cred.Unanswered = c.now()
		return cred, unavailable(op, err)
	case answer.granted():
		if err := answer.apply(&renewed, c.now()); err != nil {
			return cred, unavailable(op, err)
		}
		return renewed, nil
	case answer.busy():
		return cred, &Error{Op: op, Err: errors.Join(discovery.ErrUnavailable, &notSpentError{answer.retryAfter}, fmt.Errorf("status %d", answer.status))}
	case !answer.refused():
		return cred, &Error{
			Op: op, Err: errors.Join(discovery.ErrUnavailable, fmt.Errorf("status %d without an OAuth error", answer.status)),
			Hint: "if it stays so, sign in again: " + c.againCommand(),
		}
	}
	return cred, c.explainParams(answer.refusal(op, cred.Resource))
}

// postRefresh sends a refresh. The requested scopes are repeated where the provider
// is known to want that, and once more with them where its refusal says so: Entra
// takes a refresh without them for another resource (AADSTS90009). What was granted
// is never asked for: it names more than may be requested.
func (c *Client) postRefresh(ctx context.Context, cred *Credential, form url.Values) (tokenAnswer, error) {
	repeated := url.Values{"scope": {strings.Join(cred.RequestedScopes, " ")}}
	maps.Copy(repeated, form)
	if cred.RepeatScopes {
		return c.postToken(ctx, cred, repeated)
	}
	answer, err := c.postToken(ctx, cred, form)
	if err != nil || len(cred.RequestedScopes) == 0 || !answer.wantsScope() {
		return answer, err
	}
	c.log.Debug("the provider wants the scopes at a refresh")
	second, err := c.postToken(ctx, cred, repeated)
	if err != nil {
		return answer, err
	}
	if !second.granted() {
		return answer, nil
	}
	cred.RepeatScopes = true
	return second, nil
}

// postToken sends a form to the token endpoint. Where the client is refused, it is
// sent once more with each other way to present the same secret, if there is one;
// the way that worked is kept in cred. A client that was refused has spent
// nothing.
func (c *Client) postToken(ctx context.Context, cred *Credential, form url.Values) (tokenAnswer, error) {
	answer, err := c.postForm(ctx, cred.TokenEndpoint, *cred, maps.Clone(form))
	if err != nil || !answer.doubtsClient() {
		return answer, err
	}
	for _, other := range cred.Registration.otherAuthMethods(cred.Metadata.TokenAuthMethods) {
		again := *cred
		again.Registration.AuthMethod = other
		next, err := c.postForm(ctx, cred.TokenEndpoint, again, maps.Clone(form))
		if err != nil {
			return answer, err
		}
		if next.granted() || answer.invalidClient() && !next.doubtsClient() {
			c.log.Debug("the provider takes the secret in another way", "method", other)
			cred.Registration.AuthMethod = other
			return next, nil
		}
	}
	return answer, nil
}

// notSpentError marks a refresh that the provider has not looked at, so that
// it may be sent again.
type notSpentError struct{ retryAfter time.Duration }

func (e *notSpentError) Error() string { return "the refresh token was not used" }

// neverSent reports whether a request failed before the server could see it.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// postForm sends a form with the authentication of the credential's client. It ends
// after tokenTimeout at the latest. The connection is a new one: the other end of one
// that was idle may be gone without a word, when the machine has slept, and what the
// form holds can be sent once only.
func (c *Client) postForm(ctx context.Context, endpoint string, cred Credential, form url.Values) (tokenAnswer, error) {
	user, password, err := c.authenticate(form, endpoint, cred.Registration, cred.Metadata.TokenAuthAlgorithms)
	if err != nil {
		return tokenAnswer{}, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return tokenAnswer{}, errors.New("the endpoint is not a URL")
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, OwnQuery(u, form).String(), strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, errors.New("the endpoint is not a URL")
	}
	// net/http must not send a form twice by itself: what it holds may be spent.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	c.cfg.HTTP.CloseIdleConnections()
	status, header, body, err := c.send(req)
	if err != nil {
		return tokenAnswer{}, err
	}
	return newTokenAnswer(status, header, body, c.now()), nil
}

// hintFor explains the errors people meet most.
func hintFor(o oauthError, resource string) string {
	switch o.Code {
	case "invalid_target":
		return "the provider does not know the resource " + resource + ": register exactly this string there as an API resource, or give another one with --resource (none leaves it out)"
	case "invalid_client", "unauthorized_client":
		return "the provider does not accept this client: check the client id and, if it has one, its secret, and that it is a native application"
	case "invalid_scope":
		return "the provider does not grant this client a scope that was asked for: allow it there (in Logto: Permissions of a third-party application), or choose others with --scope"
	case "access_denied":
		return "the login was refused, or the account may not use this server"
	}
	return ""
}
