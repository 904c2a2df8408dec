package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
)

// Bounds of the renewals for one request.
const (
	// maxRenewals is one refresh (or the token that another process has stored) and one
	// login: a server that refuses both tokens has another reason.
	maxRenewals = 2
	// maxAttempts bounds renewals and logins for more scopes together, for a server that
	// asks for more and more of them.
	maxAttempts = 3
)

// Transport returns a RoundTripper that puts the access token on requests to the configured
// server and handles refusals of it, each with one replay of the request:
//
//   - 401: a refresh, and then a login.
//   - 401 insufficient_user_authentication (RFC 9470): a login with what the server wants of
//     it, once.
//   - 403 insufficient_scope for scopes that were not requested before: a login for them.
//   - Any other 403, and a redirect: a refresh if the token may have ended. Else a 403 is
//     the answer: the account lacks the permission, which no login changes.
//
// A request to another origin, and one that has an Authorization header, passes as it is. A
// 401 without a challenge to a request with Mcp-Session-Id is returned when a refresh does
// not help: it may be about the session, and the caller calls SignIn when it is not. Bodies
// are replayed through GetBody; without it a refused request fails.
//
// An error of the sign-in is an *grant.Error with a hint; others are those of base.
//
// A request may take as long as a person needs to sign in: limits belong into its context,
// not into http.Client.Timeout.
func (c *Client) Transport(base http.RoundTripper) http.RoundTripper {
	return &transport{client: c, base: base}
}

type transport struct {
	client *Client
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.client
	if !origin.SameOrigin(req.URL, c.cfg.Server) || len(req.Header.Values("Authorization")) > 0 {
		return t.base.RoundTrip(req)
	}
	cred, early, err := c.current(req.Context())
	if err != nil {
		closeBody(req)
		return nil, c.signInError(err)
	}
	a := attempts{client: c, req: req, cred: cred, early: early}
	for {
		resp, err := t.send(a.req, a.cred)
		if err != nil {
			return nil, err
		}
		r := c.readRefusal(a.req, resp, a.cred)
		if r.kind == notRefused {
			c.recordAccepted(a.cred, resp)
			return resp, nil
		}
		c.grants.Proofs.Learn(a.req.URL, resp.Header.Get(dpop.NonceHeader))
		if final, err := a.refused(r, resp); final != nil || err != nil {
			return final, err
		}
		if a.req, err = Replay(a.req); err != nil {
			return nil, c.signInError(err)
		}
	}
}

// send sends a signed copy of req.
func (t *transport) send(req *http.Request, cred *Credential) (*http.Response, error) {
	if t.client.Proven(cred) && cred.HasToken() {
		return t.sendProven(req, cred)
	}
	return t.base.RoundTrip(sign(req, t.client.Bearer(cred)))
}

// attempts are the attempts at one request.
type attempts struct {
	client            *Client
	req               *http.Request
	cred              *Credential
	early             error // of the refresh before the first attempt, nil after another renewal
	renewals, stepUps int
	replayed          bool // after a refusal that did not have to be about the token
	authenticated     bool // a person has signed in as the server wants it (RFC 9470)
}

// refused handles a refusal: it returns what ends the request, or gets another credential
// for one more attempt.
func (a *attempts) refused(r refusal, resp *http.Response) (final *http.Response, err error) {
	c := a.client
	switch {
	case r.doubtful(a.cred), a.early == nil && MayBeSessionLoss(a.req, resp):
		now, newer := errNotRenewed, (*Credential)(nil)
		if !a.replayed {
			newer, now = c.withoutAsking(a.req.Context(), a.cred, r, a.early != nil)
		}
		if now != nil || !r.unprocessed(a.req) {
			return c.notReplaced(a.cred, r, resp, a.early, now)
		}
		a.cred, a.replayed = newer, true
		foreign.Discard(resp)
		return nil, nil
	case r.kind == unauthorized && a.early != nil:
		// The refresh was tried a moment ago. A second one would ask a busy provider
		// again, or spend a refresh token a second time.
		foreign.Discard(resp)
		return nil, c.signInError(a.early)
	case r.kind == forbidden && a.renewals+a.stepUps >= maxAttempts:
		return resp, nil
	case r.kind == unauthorized && (a.renewals == maxRenewals || a.stepUps >= maxAttempts || a.authenticated):
		foreign.Discard(resp)
		return nil, c.refusedAgain(r.challenge)
	}
	foreign.Discard(resp)
	return nil, a.renew(r)
}

// renew gets a credential with another token, with more scopes, or of another sign-in.
func (a *attempts) renew(r refusal) (err error) {
	c := a.client
	wanted, before := r.challenge.WantsAuthentication(), a.cred.Login()
	why := renewal{failed: hashOf(c.Bearer(a.cred)), challenge: r.challenge, stepUp: r.kind == forbidden || wanted, signIn: r.kind == unauthorized && a.renewals > 0}
	if why.signIn && c.wantsBearer(a.req.Context(), a.cred, why) {
		refused := c.refusedAgain(why.challenge)
		refused.Hint = "the login is bound to a key (DPoP), and the server does not ask for that; to forget it with its key before you sign in again, run: " + c.command("logout")
		return refused
	}
	if why.stepUp {
		a.stepUps++
	} else {
		a.renewals++
	}
	a.early = nil
	if a.cred, err = c.renew(a.req.Context(), why); err != nil {
		return c.signInError(c.notRenewed(why, err))
	}
	// What another process has refreshed meanwhile is of no other sign-in. Where nobody signs
	// in, there is none: another token is tried, once.
	nobody := WithoutPerson(c.cfg.Key.Grant) || c.cfg.Enterprise != nil && c.cfg.Enterprise.IDToken != nil
	a.authenticated = wanted && (nobody || a.cred.Login() != before)
	return nil
}

// MayBeSessionLoss reports whether a refusal may be about the MCP session of the request:
// some servers answer 401 without a challenge when it is gone.
func MayBeSessionLoss(req *http.Request, resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized && req.Header.Get("Mcp-Session-Id") != "" &&
		len(discovery.ParseChallenges(resp.Header.Values("WWW-Authenticate"))) == 0
}

// SignIn gets another token than that of a refused request. It is for a 401 that Transport
// has returned, when it was not about the session.
func (c *Client) SignIn(ctx context.Context, refused *http.Response) error {
	_, token, _ := strings.Cut(refused.Request.Header.Get("Authorization"), " ")
	if _, err := c.renew(ctx, renewal{failed: hashOf(grant.NewSecret(token))}); err != nil {
		return c.signInError(err)
	}
	return nil
}

// current returns the credential to sign with. A token near its end is refreshed first. When
// the provider is not available, or nothing can be presented to it, early says so: the request
// is sent all the same, and the server decides.
func (c *Client) current(ctx context.Context) (cred *Credential, early, err error) {
	if cred, err = c.load(ctx); err != nil || c.fresh(cred) {
		return cred, nil, err
	}
	if cred.RefreshToken.IsZero() && (!c.withoutRefreshToken() || !cred.HasToken()) {
		return cred, nil, nil
	}
	renewed, err := c.renew(ctx, renewal{failed: hashOf(c.Bearer(cred)), quiet: true})
	if err == nil {
		return renewed, nil, nil
	}
	if ctx.Err() != nil {
		return cred, nil, err
	}
	c.log.Debug("early refresh failed", "error", err)
	if errors.Is(err, discovery.ErrUnavailable) || errors.Is(err, grant.ErrNotSent) {
		early = err
	}
	return cred, early, nil
}

// sign returns a copy of req that carries the token (RFC 6750, section 2.1), and
// req where there is none. The request itself is never changed.
func sign(req *http.Request, token grant.Secret) *http.Request {
	if token.IsZero() {
		return req
	}
	signed := withOwnHeader(req)
	signed.Header.Set("Authorization", "Bearer "+token.Reveal())
	return signed
}

func withOwnHeader(req *http.Request) *http.Request {
	own := req.WithContext(req.Context())
	own.Header = req.Header.Clone()
	return own
}

// notRenewed returns the error for a renewal that failed. When a new token was refused as
// well, and the person is not asked again so soon, the refusal is the cause.
func (c *Client) notRenewed(why renewal, err error) error {
	if (why.signIn || why.challenge.WantsAuthentication()) && errors.Is(err, errAskedAlready) {
		return c.refusedAgain(why.challenge)
	}
	return err
}

func (c *Client) refusedAgain(challenge discovery.Challenge) *grant.Error {
	hint := "the provider and the server do not agree about the token; see which audience and issuer the server expects, and whether --resource fits"
	if challenge.WantsAuthentication() {
		hint = "ask whoever runs the server: it wants a stronger or more recent sign-in, and its provider has to say so in the token (acr, auth_time); " + c.signInAgain()
		if c.grants.Param("acr_values")+c.grants.Param("max_age") != "" {
			hint = "leave out what --auth-param says of acr_values and max_age: it goes before what the server wants"
		}
	}
	return &grant.Error{
		Op: "sign in to " + c.cfg.Server.Redacted(), Code: grant.ErrorCode(challenge.ErrorCode()),
		Err: refusedBy(challenge, "the server refused a token that was issued for it a moment ago"), Hint: hint,
	}
}

// wantsBearer reports whether a server that has refused the bound token of cred asks for bearer
// tokens alone, by its challenge and by its metadata: a login leads to another bound one, which
// changes nothing.
func (c *Client) wantsBearer(ctx context.Context, cred *Credential, why renewal) bool {
	if !c.Proven(cred) || why.challenge.Scheme == "" || why.challenge.DPoP || why.challenge.WantsAuthentication() {
		return false
	}
	found, err := c.discoverTokenEndpoint(ctx, cred, why)
	return err == nil && !found.Asked
}

// refusedBy is cause with what the server says of it.
func refusedBy(challenge discovery.Challenge, cause string) error {
	if text := challenge.Params["error_description"]; text != "" {
		cause += ": " + foreign.Quote(text)
	}
	return errors.New(cause)
}

// Replay returns a copy of req with its body from the start.
func Replay(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("repeat the request after signing in: its body cannot be sent twice")
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("repeat the request after signing in: %w", err)
	}
	again.Body = body
	return again, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
