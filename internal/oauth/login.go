package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// login asks the person, under the lock of the identity. Where the provider
// has forgotten a dynamic registration, one new registration is tried (C29).
func (c *Client) login(ctx context.Context, previous Credential, w want) (Credential, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.LoginTimeout, ErrLoginTimeout)
	defer cancel()
	for try := 1; ; try++ {
		cred, err := c.loginOnce(ctx, previous, w)
		if err == nil {
			return cred, nil
		}
		var refused *Error
		forgotten := errors.As(err, &refused) && refused.Code == "invalid_client" && previous.Registration.Dynamic
		if try == 1 && forgotten {
			previous.Registration = Registration{}
			continue
		}
		if errors.Is(context.Cause(ctx), ErrLoginTimeout) {
			err = &Error{
				Op: "sign in to " + c.cfg.Server.Redacted(), Err: ErrLoginTimeout,
				Hint: "try again; if the browser showed an error page of the provider instead of a login, the client id or its redirect URI is not registered there",
			}
		}
		return Credential{}, err
	}
}

func (c *Client) loginOnce(ctx context.Context, previous Credential, w want) (Credential, error) {
	redirect, err := c.cfg.Listen(ctx, redirectPort(previous.Registration.RedirectURI))
	if err != nil {
		return Credential{}, fmt.Errorf("listen for the redirect: %w", err)
	}
	defer func() { _ = redirect.Close() }()
	found, err := discover(ctx, c.cfg.HTTP, c.cfg.Server, w.challenge, previous.Issuer)
	if err != nil {
		return Credential{}, err
	}
	meta := found.Server
	if !c.cfg.AssumePKCE {
		if err := meta.checkPKCE(); err != nil {
			return Credential{}, err
		}
	}
	reg, err := c.register(ctx, meta, previous.Registration, redirect.URI())
	if err != nil {
		return Credential{}, err
	}
	cred := c.prepare(found, reg, previous, w)
	if reg != previous.Registration && reg.Dynamic && previous.RefreshToken.IsZero() {
		// Kept before the browser opens: a login that is given up must not
		// register another client the next time. A refresh token that still
		// works stays with the client it belongs to.
		c.save(ctx, Credential{Server: cred.Server, Issuer: cred.Issuer, Registration: reg})
	}
	return c.authorize(ctx, redirect, meta, cred)
}

// prepare builds the credential that the login is to fill.
func (c *Client) prepare(found Discovery, reg Registration, previous Credential, w want) Credential {
	meta := found.Server
	cred := Credential{
		Server: c.cfg.Server.String(), Resource: found.Resource, Issuer: meta.Issuer,
		TokenEndpoint: meta.TokenEndpoint, RevocationEndpoint: meta.RevocationEndpoint,
		Registration: reg,
	}
	switch c.cfg.Key.Resource {
	case "":
	case NoResource:
		cred.Resource = ""
	default:
		cred.Resource = c.cfg.Key.Resource
	}
	var earlier []string
	if w.stepUp && previous.Issuer == meta.Issuer {
		earlier = previous.RequestedScopes
	}
	cred.RequestedScopes = meta.scopes(c.cfg.Key.Scopes, w.challenge.Scopes(), found.ScopesSupported, earlier)
	return cred
}

// authorize runs the authorization request of RFC 6749 section 4.1 with PKCE
// and exchanges the code.
func (c *Client) authorize(ctx context.Context, redirect Redirect, meta ServerMetadata, cred Credential) (Credential, error) {
	verifier, state := oauth2.GenerateVerifier(), newState()
	address, err := authorizationURL(meta, cred, verifier, state)
	if err != nil {
		return Credential{}, err
	}
	c.log.Debug("waiting for the person to sign in", "issuer", meta.Issuer, "redirect", redirect.URI(), "scopes", cred.RequestedScopes)
	c.setAsking(true)
	answer, finish, err := redirect.Receive(ctx, state, func() { c.cfg.Show(ctx, address) })
	c.setAsking(false)
	if err != nil {
		return Credential{}, fmt.Errorf("wait for the browser: %w", err)
	}
	code, err := checkAnswer(answer, meta, cred.Resource)
	if err == nil {
		err = c.exchange(ctx, &cred, code, verifier)
	}
	if err != nil {
		finish("", err)
		return Credential{}, err
	}
	c.save(ctx, cred)
	c.log.Debug("signed in", "issuer", cred.Issuer, "granted", cred.GrantedScopes, "expires", cred.Expiry, "refreshable", !cred.RefreshToken.IsZero())
	finish(cred.Account, nil)
	return cred, nil
}

func (c *Client) setAsking(asking bool) {
	c.mu.Lock()
	c.asking = asking
	c.mu.Unlock()
}

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
func authorizationURL(meta ServerMetadata, cred Credential, verifier, state string) (string, error) {
	u, err := checkEndpoint("authorization_endpoint", meta.AuthorizationEndpoint)
	if err != nil {
		return "", fmt.Errorf("build the authorization request: %w", err)
	}
	cfg := cred.config()
	cfg.Endpoint.AuthURL = u.String()
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if cred.Resource != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", cred.Resource))
	}
	if slices.Contains(cred.RequestedScopes, scopeOffline) && !ignoresOfflineRule(u) {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return cfg.AuthCodeURL(state, opts...), nil
}

// ignoresOfflineRule names the provider where prompt=consent does harm. OpenID
// Connect Core section 11 wants it with offline_access, and providers like
// Logto drop the scope without it; Microsoft Entra gives refresh tokens anyway,
// and asking for consent there locks out everybody whose organization lets
// only administrators consent.
func ignoresOfflineRule(endpoint *url.URL) bool {
	host := endpoint.Hostname()
	return host == "login.microsoftonline.com" || strings.HasSuffix(host, ".microsoftonline.com") || host == "login.microsoftonline.us"
}

// checkAnswer judges the answer to the authorization request. Its state has
// been compared by the Redirect. The issuer is compared first, as plain text
// (C35, C36, RFC 9207 section 2.4): of an answer from another issuer nothing is
// used or shown, not even its error (C37).
func checkAnswer(answer url.Values, meta ServerMetadata, resource string) (code string, err error) {
	const op = "check the provider's answer"
	for _, name := range []string{"iss", "code", "error"} {
		if len(answer[name]) > 1 {
			return "", &Error{Op: op, Err: fmt.Errorf("parameter %s stands in it twice", name)}
		}
	}
	_, present := answer["iss"]
	switch iss := answer.Get("iss"); {
	case present && iss != meta.Issuer:
		return "", &Error{Op: op, Err: errors.New("it comes from another issuer than the one that was asked"), Hint: "the login was stopped before anything was sent; if this happens again, somebody may be interfering with it"}
	case !present && meta.IssParameterSupported:
		return "", &Error{Op: op, Err: errors.New("it does not say which issuer it comes from, though the provider promises to"), Hint: "this is a fault of the provider (RFC 9207)"}
	}
	if code := answer.Get("error"); code != "" {
		return "", refusedAnswer(oauthError{Code: code, Description: answer.Get("error_description")}, resource)
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
	return &Error{Op: "sign in", Code: printable(o.Code), Err: errors.Join(ErrDenied, cause), Hint: hintFor(o.Code, resource)}
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
