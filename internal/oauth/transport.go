package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// Bounds of one request's renewals.
const (
	// maxRenewals is one refresh (or the adoption of another process's token)
	// and one login; a server that refuses both tokens refuses for another
	// reason (C47).
	maxRenewals = 2
	// maxAttempts is how often in all one request may lead to new tokens when
	// it asks for more and more scopes (C52).
	maxAttempts = 3
	// unknownLife is how long a token whose end the provider did not say is
	// taken to be good.
	unknownLife = 5 * time.Minute
)

// Transport returns a RoundTripper that puts the access token on requests to
// the configured server and answers its refusals: 401 with a refresh or a
// login, 403 insufficient_scope with a login for scopes that were not requested
// before, each followed by one replay. Such a 403 for other scopes is the answer:
// the account has no permission, which no login changes. A request to another
// origin, and one that carries its own Authorization header, passes untouched. A 401
// without a challenge to a request with Mcp-Session-Id is returned when a refresh
// does not help: who holds the session finds out what it means, and calls SignIn.
// Bodies are replayed through GetBody; without it a refused request fails.
//
// A request may take as long as a person needs to sign in: limits belong into
// its context, not into http.Client.Timeout.
func (c *Client) Transport(base http.RoundTripper) http.RoundTripper {
	return &transport{client: c, base: base}
}

type transport struct {
	client *Client
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !origin.SameOrigin(req.URL, t.client.cfg.Server) || len(req.Header.Values("Authorization")) > 0 {
		return t.base.RoundTrip(req)
	}
	cred, early, err := t.client.current(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	var renewals, stepUps int
	var replayed bool
	for {
		resp, err := t.base.RoundTrip(sign(req, t.client.bearer(cred)))
		if err != nil {
			return nil, err
		}
		w, refused := refusal(resp, markOf(t.client.bearer(cred)))
		if refused && w.stepUp && !asksForMore(cred, w.challenge) {
			newer, ok := t.client.withoutAsking(req.Context(), cred)
			if !ok || replayed {
				t.client.tellNotPermitted(cred, w.challenge)
				return resp, nil
			}
			foreign.Discard(resp)
			if req, err = replay(req); err != nil {
				return nil, err
			}
			cred, replayed = newer, true
			continue
		}
		if refused && early == nil && perhapsLost(req, resp) {
			newer, ok := t.client.forSession(req.Context(), w)
			if !ok || replayed {
				return resp, nil
			}
			foreign.Discard(resp)
			if req, err = replay(req); err != nil {
				return nil, err
			}
			cred, replayed = newer, true
			continue
		}
		switch {
		case !refused:
			return resp, nil
		case !w.stepUp && early != nil:
			// The refresh was tried a moment ago. A second one would knock at a
			// busy provider again, or spend a refresh token a second time.
			foreign.Discard(resp)
			return nil, early
		case w.stepUp && renewals+stepUps >= maxAttempts:
			return resp, nil
		case !w.stepUp && renewals == maxRenewals:
			foreign.Discard(resp)
			return nil, t.client.refusedAgain(w.challenge)
		case w.stepUp:
			stepUps++
		default:
			w.fresh = renewals > 0
			renewals++
		}
		foreign.Discard(resp)
		if cred, err = t.client.renew(req.Context(), w); err != nil {
			return nil, t.client.notRenewed(w, err)
		}
		early = nil
		if req, err = replay(req); err != nil {
			return nil, err
		}
	}
}

// perhapsLost reports whether a refusal may be about the MCP session of the request:
// some servers answer 401 without a challenge when it is gone.
func perhapsLost(req *http.Request, resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized && req.Header.Get("Mcp-Session-Id") != "" &&
		len(ParseChallenges(resp.Header.Values("WWW-Authenticate"))) == 0
}

// forSession returns another token than the refused one, if there is one without a
// person.
func (c *Client) forSession(ctx context.Context, w want) (newer Credential, ok bool) {
	if w.failed == "" {
		return Credential{}, false
	}
	w.quiet = true
	newer, err := c.renew(ctx, w)
	if err != nil {
		c.log.Debug("the token was not refreshed", "error", err)
	}
	return newer, err == nil
}

// SignIn gets another token than the one of a request that was refused. It is for a
// 401 that Transport has returned, when it was not about the session.
func (c *Client) SignIn(ctx context.Context, refused *http.Response) error {
	token, _ := strings.CutPrefix(refused.Request.Header.Get("Authorization"), "Bearer ")
	w := want{failed: markOf(NewSecret(token))}
	_, err := c.renew(ctx, w)
	return err
}

// current returns the credential to sign with. A token near its end is
// refreshed first; when the provider cannot be asked, which early then tells,
// the request goes out all the same and the server decides.
func (c *Client) current(ctx context.Context) (cred Credential, early, err error) {
	cred, err = c.load(ctx)
	renewable := !cred.RefreshToken.IsZero() || c.cfg.Key.Grant == GrantClientCredentials && cred.HasToken()
	if err != nil || c.fresh(cred) || !renewable {
		return cred, nil, err
	}
	renewed, err := c.renew(ctx, want{failed: markOf(c.bearer(cred)), quiet: true})
	if err == nil {
		return renewed, nil, nil
	}
	if ctx.Err() != nil {
		return cred, nil, err
	}
	c.log.Debug("early refresh failed", "error", err)
	if errors.Is(err, ErrUnavailable) {
		early = err
	}
	return cred, early, nil
}

// sign returns a copy of req that carries the token (RFC 6750, section 2.1), and
// req where there is none. The request itself is never changed.
func sign(req *http.Request, token Secret) *http.Request {
	if token.IsZero() {
		return req
	}
	signed := req.WithContext(req.Context())
	signed.Header = req.Header.Clone()
	signed.Header.Set("Authorization", "Bearer "+token.Reveal())
	return signed
}

// refusal reads from a response whether a new token could help (C1, C50, C54).
func refusal(resp *http.Response, presented mark) (want, bool) {
	w := want{failed: presented}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		w.challenge, _ = BearerChallenge(resp.Header)
		return w, true
	case http.StatusForbidden:
		challenge, ok := BearerChallenge(resp.Header)
		w.challenge, w.stepUp = challenge, presented != ""
		return w, ok && challenge.ErrorCode() == "insufficient_scope"
	}
	return w, false
}

// asksForMore reports whether a 403 names scopes that the account has neither
// requested nor been granted. Those that a provider was asked for and did not
// grant are not asked for again because a server wants them.
func asksForMore(cred Credential, challenge Challenge) bool {
	return !containsAll(union(cred.RequestedScopes, cred.GrantedScopes), challenge.Scopes())
}

// withoutAsking returns another token than cred's, if there is one without a
// person: the one that another process has stored since, or a refreshed one where
// cred's may have ended.
func (c *Client) withoutAsking(ctx context.Context, cred Credential) (newer Credential, ok bool) {
	w := want{failed: markOf(c.bearer(cred)), quiet: true}
	stored, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if err == nil && c.serves(stored, w) {
		c.mu.Lock()
		c.cred = stored
		c.mu.Unlock()
		return stored, true
	}
	age := c.now().Sub(cred.ObtainedAt)
	if c.fresh(cred) && (!cred.Expiry.IsZero() || age >= 0 && age < unknownLife) {
		return Credential{}, false
	}
	newer, err = c.renew(ctx, w)
	if err != nil {
		c.log.Debug("the token that lacks a scope was not refreshed", "error", err)
	}
	return newer, err == nil
}

func (c *Client) tellNotPermitted(cred Credential, challenge Challenge) {
	c.log.Warn("the signed-in account lacks a permission that the server wants; signing in again would not change that",
		"scopes", foreign.Line(strings.Join(challenge.Scopes(), " ")), "account", foreign.Line(cred.Account))
}

// notRenewed is the error for a renewal that came to nothing: a new token that is
// refused as well has another cause than that nobody is asked again.
func (c *Client) notRenewed(w want, err error) error {
	if w.fresh && errors.Is(err, errAskedAlready) {
		return c.refusedAgain(w.challenge)
	}
	return err
}

func (c *Client) refusedAgain(challenge Challenge) error {
	cause := "the server refused a token that was issued for it a moment ago"
	if text := challenge.Params["error_description"]; text != "" {
		cause += ": " + foreign.Line(text)
	}
	return &Error{
		Op: "sign in to " + c.cfg.Server.Redacted(), Code: foreign.Line(challenge.ErrorCode()), Err: errors.New(cause),
		Hint: "the provider and the server do not agree about the token; see which audience and issuer the server expects, and whether --resource fits",
	}
}

// replay returns the request with a new body.
func replay(req *http.Request) (*http.Request, error) {
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
