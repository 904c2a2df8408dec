package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// newState returns 256 random bits (RFC 6749, section 10.10).
func newState() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// authorizationURL builds the request (RFC 6749 section 4.1.1, RFC 7636
// section 4.3, RFC 8707 section 2.1). The endpoint was checked with the
// metadata; it is parsed and written again here, so that nothing but a clean
// https (or loopback http) URL ever reaches the program that opens it.
func (c *Client) authorizationURL(meta discovery.ServerMetadata, cred Credential, verifier, state string) (string, error) {
	extra, err := c.extraParams(cred, meta.AuthorizationEndpoint)
	if err != nil {
		return "", fmt.Errorf("build the authorization request: %w", err)
	}
	return c.requestURL(meta, cred, verifier, state, extra)
}

// requestURL is authorizationURL with these further parameters.
func (c *Client) requestURL(meta discovery.ServerMetadata, cred Credential, verifier, state string, extra url.Values) (string, error) {
	u, err := discovery.CheckEndpoint("authorization_endpoint", meta.AuthorizationEndpoint)
	if err != nil {
		return "", fmt.Errorf("build the authorization request: %w", err)
	}
	cfg := cred.config()
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if cred.Resource != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", cred.Resource))
	}
	cfg.Endpoint.AuthURL = OwnQuery(u, extra).String()
	if slices.Contains(cred.RequestedScopes, "openid") {
		opts = append(opts, oauth2.SetAuthURLParam("nonce", nonceFor(verifier)))
	}
	for name := range extra { // the person's own nonce comes later, and wins
		opts = append(opts, oauth2.SetAuthURLParam(name, extra.Get(name)))
	}
	address := cfg.AuthCodeURL(state, opts...)
	return foreign.Address(address), checkLength(len(address), cred.RequestedScopes)
}

// nonceFor is the nonce of the request with this verifier (OpenID Connect Core,
// section 3.1.2.1), which some providers demand with openid. It tells nothing of
// the verifier.
func nonceFor(verifier string) string {
	sum := sha256.Sum256([]byte("nonce " + verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// checkNonce refuses the ID token of another request (section 3.1.3.7, number 11).
// One without a nonce is nothing new: it only names the account.
func (c *Client) checkNonce(idToken Secret, verifier string) error {
	own := slices.ContainsFunc(c.cfg.Key.Params, func(param string) bool { return strings.HasPrefix(param, "nonce=") })
	if nonce := nonceIn(idToken); own || nonce == "" || nonce == nonceFor(verifier) {
		return nil
	}
	return errors.New("the ID token belongs to another request: its nonce is not the one that was sent")
}

// extraParams are the parameters that the protocol does not need: prompt, for a
// refresh token, and what the person chose, which wins.
func (c *Client) extraParams(cred Credential, endpoint string) (url.Values, error) {
	extra := url.Values{}
	if wantsConsent(cred, endpoint) {
		extra.Set("prompt", "consent")
	}
	for _, param := range c.cfg.Key.Params {
		name, value, _ := strings.Cut(param, "=")
		if err := CheckParam(name); err != nil {
			return nil, err
		}
		if extra.Set(name, value); name == "prompt" && value == "" {
			extra.Del(name) // an empty one is refused by some, and means nothing
		}
	}
	return extra, nil
}

// atToken are the parameters a person chose that token and refresh requests repeat:
// there the organization that a token is for is chosen (Logto, WorkOS).
var atToken = []string{"organization_id"}

// scopeOrganizations is what Logto wants with organization_id.
const scopeOrganizations = "urn:logto:scope:organizations"

// tokenParams adds what the person chose to a token request. A client that signs in as
// itself makes no other request: there all of it counts.
func (c *Client) tokenParams(form url.Values) {
	for _, param := range c.cfg.Key.Params {
		name, value, _ := strings.Cut(param, "=")
		machine := c.cfg.Key.Grant == GrantClientCredentials && name != "prompt" && CheckParam(name) == nil
		if machine || slices.Contains(atToken, name) {
			form.Set(name, value)
		}
	}
}

// chosenParam is the value of a parameter that the person chose, "" for none.
func (c *Client) chosenParam(name string) (value string) {
	for _, param := range c.cfg.Key.Params {
		if v, ok := strings.CutPrefix(param, name+"="); ok {
			value = v
		}
	}
	return value
}

// explainParams gives a refusal that a chosen parameter may be the reason of its hint.
func (c *Client) explainParams(err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	switch organization := c.chosenParam("organization_id"); {
	case refused.Code == "access_denied" && organization != "":
		refused.Hint = "the account may not be a member of the organization " + foreign.Line(organization) + ": leave out --auth-param organization_id, or sign in as somebody who is"
	case refused.Code == "invalid_request" && refused.Hint == "" && len(c.cfg.Key.Params) > 0:
		refused.Hint = "the provider may not know what was given with --auth-param: leave it out, and see what differs"
	}
	return err
}

// warnOfPrompt says what a chosen prompt costs.
func (c *Client) warnOfPrompt(cred Credential, endpoint string) {
	own := c.chosenParam("prompt")
	if own == "" || slices.Contains(strings.Fields(own), "consent") || !wantsConsent(cred, endpoint) {
		return
	}
	c.log.Warn("prompt is sent without consent, for which providers such as Logto give no refresh token: somebody has to sign in whenever the access token has ended",
		"prompt", own, "keep_it_with", "--auth-param 'prompt="+own+" consent'")
}

// owned are the parameters of an authorization request that a login stands or
// falls with; response_mode and request objects would take the answer or the
// request out of our hands.
var owned = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "resource",
	"response_mode", "request", "request_uri", "client_secret", "client_assertion", "client_assertion_type", "code", "code_verifier",
	"grant_type", "refresh_token", "device_code", "assertion", // of token requests
}

// CheckParam refuses the name of a parameter that a person may not add to the
// authorization request.
func CheckParam(name string) error {
	switch {
	case name == "":
		return &Error{Op: "read an authorization parameter", Err: errors.New("it has no name"), Hint: "write it as name=value, for example login_hint=alice@example.com"}
	case slices.Contains(owned, name):
		return &Error{Op: "read an authorization parameter", Err: fmt.Errorf("%s is set by the login itself", foreign.Line(name)), Hint: "see --scope, --resource and --client-id"}
	}
	return nil
}

// checkAnswer judges the answer to the authorization request. Its state has
// been compared by the Redirect. The issuer is compared first, as plain text
// (C35, C36, RFC 9207 section 2.4): of an answer from another issuer nothing is
// used or shown, not even its error (C37).
func checkAnswer(answer url.Values, meta discovery.ServerMetadata, resource string) (code string, err error) {
	const op = "check the provider's answer"
	for _, name := range []string{"iss", "code", "error"} {
		if len(answer[name]) > 1 {
			return "", &Error{Op: op, Err: fmt.Errorf("parameter %s stands in it twice", name)}
		}
	}
	_, present := answer["iss"]
	switch iss := answer.Get("iss"); {
	case present && !meta.Provider().Issued(iss):
		return "", &Error{Op: op, Err: errForeignAnswer, Hint: "the login was stopped before anything was sent; if this happens again, somebody may be interfering with it"}
	case !present && meta.IssParameterSupported:
		return "", &Error{Op: op, Err: errors.New("it does not say which issuer it comes from, though the provider promises to"), Hint: "this is a fault of the provider (RFC 9207)"}
	}
	if code := answer.Get("error"); code != "" {
		return "", refusedAnswer(newOAuthError(code, answer.Get("error_description")).naming(answer.Get("scope")), resource)
	}
	if code = answer.Get("code"); code == "" {
		return "", &Error{Op: op, Err: errors.New("neither a code nor an error in it")}
	}
	return code, nil
}

func refusedAnswer(o oauthError, resource string) error {
	cause := errors.New(o.describe())
	// Every refusal counts for the brake: asking again at once would show
	// the person the same refusal in another tab.
	return &Error{Op: "sign in", Code: o.Code, Err: errors.Join(ErrDenied, cause), Hint: hintFor(o, resource)}
}

func redirectPort(uri string) int {
	u, err := url.Parse(uri)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}

// withoutPort returns the redirect URI as it is registered at providers that
// grant any port on loopback (RFC 8252, section 7.3).
func withoutPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		u.Host = host
	}
	return u.String()
}
