package grant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// NewState returns 256 random bits (RFC 6749, section 10.10).
func NewState() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// AuthorizationURL builds the authorization request (RFC 6749 section 4.1.1, RFC 7636
// section 4.3, RFC 8707 section 2.1). The endpoint was checked with the metadata; it is
// parsed and written again here, so that nothing but a clean https (or loopback http)
// URL ever reaches the program that opens it.
func (c *Client) AuthorizationURL(t *Target, verifier, state string) (string, error) {
	params, err := c.chosenParams(t)
	if err != nil {
		return "", fmt.Errorf("build the authorization request: %w", err)
	}
	return authorizationURL(t, verifier, state, params)
}

// authorizationURL is AuthorizationURL with these further parameters.
func authorizationURL(t *Target, verifier, state string, params url.Values) (string, error) {
	return authorizationAddress(t, authorizationRequest(t, verifier, state, params))
}

// authorizationRequest are the parameters of the authorization request.
func authorizationRequest(t *Target, verifier, state string, params url.Values) url.Values {
	form := url.Values{
		"response_type": {"code"}, "client_id": {t.Registration.ClientID}, "state": {state},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	if t.Registration.RedirectURI != "" {
		form.Set("redirect_uri", t.Registration.RedirectURI)
	}
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	if t.Resource != "" {
		form.Set("resource", t.Resource)
	}
	if key := thumbprint(t.ProofKey); key != "" { // RFC 9449, section 10: a stolen code is of no use without the key
		form.Set("dpop_jkt", key)
	}
	if slices.Contains(t.Scopes, "openid") {
		form.Set("nonce", nonceFor(verifier))
	}
	for name := range params { // the person's own nonce comes later, and wins
		form.Set(name, params.Get(name))
	}
	return form
}

// authorizationAddress is the authorization endpoint with a request.
func authorizationAddress(t *Target, form url.Values) (string, error) {
	u, err := discovery.CheckEndpoint("authorization_endpoint", t.Server.AuthorizationEndpoint)
	if err != nil {
		return "", fmt.Errorf("build the authorization request: %w", err)
	}
	u = EndpointURL(u, form)
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+form.Encode(), "&")
	address := u.String()
	return foreign.Address(address), checkLength(len(address), t.Scopes)
}

// checkLength refuses an authorization request that no provider would read: length
// is that of its address, or of the scopes in a form.
func checkLength(length int, scopes []string) error {
	if length <= foreign.MaxAddress {
		return nil
	}
	return &Error{
		Op:   "build the authorization request",
		Err:  fmt.Errorf("it would have %d bytes, and providers take %d; it asks for %d scopes", length, foreign.MaxAddress, len(scopes)),
		Hint: "choose the scopes that are needed with --scope",
	}
}

// nonceFor returns the nonce of the request with this verifier (OpenID Connect Core
// 1.0, section 3.1.2.1), which some providers demand with openid. It tells nothing of
// the verifier.
func nonceFor(verifier string) string {
	sum := sha256.Sum256([]byte("nonce " + verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// checkNonce refuses the ID token of another request (OpenID Connect Core 1.0, section
// 3.1.3.7, number 11). A missing nonce is accepted: where the token does more than to name the account, the
// caller asks for one.
func (c *Client) checkNonce(idToken Secret, verifier string) error {
	own := slices.ContainsFunc(c.Params, func(param string) bool { return strings.HasPrefix(param, "nonce=") })
	if nonce := NonceIn(idToken); own || nonce == "" || nonce == nonceFor(verifier) {
		return nil
	}
	return errors.New("the ID token belongs to another request: its nonce is not the one that was sent")
}

// CheckAnswer judges the answer to the authorization request, whose state the caller
// has compared, and returns the code in it. The issuer is compared first (RFC 9207,
// section 2.4): of an answer from another issuer nothing is used or shown, not even its
// error, and the error wraps [ErrOtherIssuer]. The provider's refusal wraps [ErrDenied].
func (c *Client) CheckAnswer(answer url.Values, t *Target) (code string, err error) {
	code, err = checkAnswer(answer, &t.Server, t.Resource)
	return code, c.explainParams(err)
}

func checkAnswer(answer url.Values, server *discovery.ServerMetadata, resource string) (code string, err error) {
	const op = opAnswer
	for _, name := range []string{"iss", "code", "error"} {
		if len(answer[name]) > 1 {
			return "", &Error{Op: op, Err: fmt.Errorf("parameter %s stands in it twice", name)}
		}
	}
	_, present := answer["iss"]
	switch iss := answer.Get("iss"); {
	case present && !server.Provider().Issued(iss):
		return "", &Error{Op: op, Err: ErrOtherIssuer, Hint: "the login was stopped before anything was sent; if this happens again, somebody may be interfering with it"}
	case !present && server.IssParameterSupported:
		return "", &Error{Op: op, Err: errors.New("it does not say which issuer it comes from, though the provider promises to"), Hint: "this is a fault of the provider (RFC 9207)"}
	}
	if code := answer.Get("error"); code != "" {
		return "", refusedAnswer(newOAuthError(code, answer.Get("error_description")).withScope(answer.Get("scope")), resource)
	}
	if code = answer.Get("code"); code == "" {
		return "", &Error{Op: op, Err: errors.New("neither a code nor an error in it")}
	}
	return code, nil
}

func refusedAnswer(o oauthError, resource string) error {
	return &Error{Op: "sign in", Code: o.Code, Err: errors.Join(ErrDenied, errors.New(o.describe())), Hint: hintFor(o.Code, resource)}
}

// Exchange spends the authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5,
// RFC 8707 section 2.2). The request is not that of x/oauth2, so that its answer is
// parsed in the same way as that of a refresh.
func (c *Client) Exchange(ctx context.Context, t *Target, code, verifier string) (Token, error) {
	const op = opExchange
	token, err := c.requestToken(ctx, op, t, url.Values{
		"grant_type": {typeCode}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {t.Registration.RedirectURI},
	})
	if err != nil {
		return Token{}, err
	}
	if err := c.checkNonce(token.IDToken, verifier); err != nil {
		return Token{}, &Error{Op: op, Err: err}
	}
	return token, nil
}

// ClientCredentials gets a token for the client itself, without a person (RFC 6749,
// section 4.4; MCP extension OAuth Client Credentials). Its refresh token, if there is
// one against section 4.4.3, is left out: the client's own credentials are as good.
func (c *Client) ClientCredentials(ctx context.Context, t *Target) (Token, error) {
	return c.requestWithoutPerson(ctx, "sign in as the client", t, url.Values{"grant_type": {typeClientCredentials}})
}

// JWTBearer gets a token for an assertion, a JWT of an issuer that the server trusts (RFC
// 7523, section 2.1). The client authenticates as usual. The answer's refresh token, which
// section 4.1 of RFC 7521 advises against, is left out: a new assertion is as good.
func (c *Client) JWTBearer(ctx context.Context, t *Target, assertion Secret) (Token, error) {
	return c.requestWithoutPerson(ctx, opAssertion, t, url.Values{"grant_type": {TypeJWTBearer}, "assertion": {assertion.Reveal()}})
}

// requestWithoutPerson gets a token by a grant that can be repeated at any time.
func (c *Client) requestWithoutPerson(ctx context.Context, op string, t *Target, form url.Values) (Token, error) {
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	token, err := c.requestToken(ctx, op, t, form)
	token.RefreshToken = Secret{}
	return token, err
}

// TypeDevice is the grant type of a device code (RFC 8628, section 3.4), and TypeJWTBearer
// that of an assertion (RFC 7523, section 2.1).
const (
	typeCode              = "authorization_code" // RFC 6749, section 4.1.3
	typeClientCredentials = "client_credentials" // RFC 6749, section 4.4.2
	TypeDevice            = "urn:ietf:params:oauth:grant-type:device_code"
	TypeJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name, no credential
)
