package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
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
)

// Transport returns a RoundTripper that puts the access token on requests to
// the configured server and answers its refusals: 401 with a refresh or a
// login, 403 insufficient_scope with a login for scopes that were not requested
// before, and any other 403, or a redirect, with a refresh if the token may have
// ended; each followed by one replay. Otherwise a 403 is the answer: the account
// has no permission, which no login changes. A request to another origin, and one
// that carries its own Authorization header, passes untouched. A 401 without a
// challenge to a request with Mcp-Session-Id is returned when a refresh does not help:
// who holds the session finds out what it means, and calls SignIn. Bodies are replayed
// through GetBody; without it a refused request fails.
//
// An error of the sign-in is an *Error with a hint; others are those of base.
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
		return nil, t.client.signInError(err)
	}
	var renewals, stepUps int
	var replayed bool
	for {
		resp, err := t.base.RoundTrip(sign(req, t.client.bearer(cred)))
		if err != nil {
			return nil, err
		}
		r := readRefusal(req, resp, t.client.bearer(cred))
		switch {
		case r.kind == notRefused:
			t.client.noteTaken(cred, resp)
			return resp, nil
		case r.doubtful(cred), early == nil && PerhapsLost(req, resp):
			newer, now := Credential{}, errNotRenewed
			if !replayed {
				newer, now = t.client.withoutAsking(req.Context(), cred, r, early != nil)
			}
			if now != nil || !r.unprocessed(req) {
				return t.client.notReplaced(cred, r, resp, early, now)
			}
			cred, replayed = newer, true
			foreign.Discard(resp)
		case r.kind == unauthorized && early != nil:
			// The refresh was tried a moment ago. A second one would knock at a
			// busy provider again, or spend a refresh token a second time.
			foreign.Discard(resp)
			return nil, t.client.signInError(early)
		case r.kind == forbidden && renewals+stepUps >= maxAttempts:
			return resp, nil
		case r.kind == unauthorized && renewals == maxRenewals:
			foreign.Discard(resp)
			return nil, t.client.refusedAgain(r.challenge)
		default:
			w := want{failed: markOf(t.client.bearer(cred)), challenge: r.challenge, stepUp: r.kind == forbidden, fresh: r.kind == unauthorized && renewals > 0}
			if w.stepUp {
				stepUps++
			} else {
				renewals++
			}
			foreign.Discard(resp)
			if cred, err = t.client.renew(req.Context(), w); err != nil {
				return nil, t.client.signInError(t.client.notRenewed(w, err))
			}
			early = nil
		}
		if req, err = Replay(req); err != nil {
			return nil, t.client.signInError(err)
		}
	}
}

// PerhapsLost reports whether a refusal may be about the MCP session of the request:
// some servers answer 401 without a challenge when it is gone.
func PerhapsLost(req *http.Request, resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized && req.Header.Get("Mcp-Session-Id") != "" &&
		len(discovery.ParseChallenges(resp.Header.Values("WWW-Authenticate"))) == 0
}

// SignIn gets another token than the one of a request that was refused. It is for a
// 401 that Transport has returned, when it was not about the session.
func (c *Client) SignIn(ctx context.Context, refused *http.Response) error {
	token, _ := strings.CutPrefix(refused.Request.Header.Get("Authorization"), "Bearer ")
	if _, err := c.renew(ctx, want{failed: markOf(NewSecret(token))}); err != nil {
		return c.signInError(err)
	}
	return nil
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
	if errors.Is(err, discovery.ErrUnavailable) {
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

// notRenewed is the error for a renewal that came to nothing: a new token that is
// refused as well has another cause than that nobody is asked again.
func (c *Client) notRenewed(w want, err error) error {
	if w.fresh && errors.Is(err, errAskedAlready) {
		return c.refusedAgain(w.challenge)
	}
	return err
}

func (c *Client) refusedAgain(challenge discovery.Challenge) error {
	cause := "the server refused a token that was issued for it a moment ago"
	if text := challenge.Params["error_description"]; text != "" {
		cause += ": " + foreign.Line(text)
	}
	return &Error{
		Op: "sign in to " + c.cfg.Server.Redacted(), Code: foreign.Line(challenge.ErrorCode()), Err: errors.New(cause),
		Hint: "the provider and the server do not agree about the token; see which audience and issuer the server expects, and whether --resource fits",
	}
}

// Replay returns the request with a new body, for the same one once more.
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
