package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
	"mcp-login/internal/retry"
)

// kinds of refusals.
const (
	notRefused   = iota
	unauthorized // 401: another token is needed (RFC 6750, section 3.1)
	forbidden    // 403
	redirected   // a redirect that is not followed
)

// refusal is what a response says about the token.
type refusal struct {
	kind      int
	challenge discovery.Challenge
	// needsScope tells that a 403 asks for scopes (insufficient_scope).
	needsScope bool
}

// readRefusal reads a response to a request that presented the token of cred. Without a
// token only a challenge asks for one: another 403, and a redirect, are the answer.
func (c *Client) readRefusal(req *http.Request, resp *http.Response, cred *Credential) refusal {
	var r refusal
	token, challenge := c.Bearer(cred), discovery.BearerChallenge
	if c.Proven(cred) {
		challenge = discovery.DPoPChallenge
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		r.kind = unauthorized
		r.challenge, _ = challenge(resp.Header)
	case http.StatusForbidden:
		r.challenge, _ = challenge(resp.Header)
		r.needsScope = r.challenge.ErrorCode() == "insufficient_scope"
		switch {
		case r.challenge.WantsAuthentication(): // which is to be a 401 (RFC 9470, section 3)
			r.kind = unauthorized
		case !token.IsZero():
			r.kind = forbidden
		case r.needsScope:
			r.kind = unauthorized
		}
	case http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect:
		if !token.IsZero() && !followed(req, resp) {
			r.kind = redirected
		}
	}
	return r
}

// followed reports whether a client follows a redirect: on the same origin, and
// with the method and the body of the request.
func followed(req *http.Request, resp *http.Response) bool {
	to, err := req.URL.Parse(resp.Header.Get("Location"))
	same := resp.StatusCode == http.StatusTemporaryRedirect || req.Method == http.MethodGet
	return err == nil && same && origin.SafeRedirect(req.URL, to)
}

// doubtful reports whether the refusal may mean that the token has ended, so that one
// refresh is worth a try; if that changes nothing, the refusal is the answer. It may for a
// redirect, and for a 403 whose scopes were all requested or granted before. A 403 that
// names a new scope asks for a step-up instead.
func (r refusal) doubtful(cred *Credential) bool {
	switch r.kind {
	case redirected:
		return true
	case forbidden:
		return !r.needsScope || discovery.HasScopes(discovery.Union(cred.RequestedScopes, cred.GrantedScopes), r.challenge.Scopes())
	}
	return false
}

// saysEnded reports whether the challenge of a 403 says that the token has ended: servers
// that put the wrong status on it often have the right words.
func saysEnded(challenge discovery.Challenge) bool {
	said := strings.ToLower(challenge.Params["error_description"])
	return challenge.ErrorCode() == "invalid_token" || strings.Contains(said, "expired")
}

// unprocessed reports whether the request may be sent again. Who answers 401 or 403
// has refused it (RFC 9110, sections 15.5.2 and 15.5.4). A redirect may be the answer
// to one that was carried out (section 15.4.4), so that only a request is repeated
// that may be carried out twice.
func (r refusal) unprocessed(req *http.Request) bool {
	return r.kind != redirected || req.Method == http.MethodGet || retry.MayRepeat(req.Context())
}

// unknownLife is how long a token counts as valid after it was seen to be valid, where
// the provider did not say when it ends, or the server refuses it with a status that has
// other reasons as well.
const unknownLife = 5 * time.Minute

// tokenHistory is what this process knows of the token of the credential in memory,
// beside what the provider said.
type tokenHistory struct {
	// got is when this process got it, and taken when the server last took it.
	got, taken time.Time
	// doubted is when the token before it, or this one, was to be replaced because
	// of a refusal that was no 401.
	doubted time.Time
}

// recordAccepted keeps that the server has taken the token of cred.
func (c *Client) recordAccepted(cred *Credential, resp *http.Response) {
	if token := c.Bearer(cred); resp.StatusCode/100 == 2 && !token.IsZero() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.Bearer(c.cred).Equal(token) {
			c.history.taken = time.Now()
		}
	}
}

// doubt decides whether the token of cred is to be replaced after a refusal that is no
// 401. The lifetime that the provider stated does not decide that: the token can have been
// revoked. A server that goes on refusing causes one refresh in [unknownLife].
func (c *Client) doubt(cred *Credential, r refusal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	lately := func(at time.Time) bool {
		since := now.Sub(at)
		return since >= 0 && since < unknownLife
	}
	switch {
	case c.renewing != nil && c.renewing.quiet, !c.Bearer(c.cred).Equal(c.Bearer(cred)):
		return true // another request is at it, or has been
	case lately(c.history.doubted):
		return false
	case !c.fresh(cred), saysEnded(r.challenge):
	case lately(c.history.got):
		return false
	case cred.Expiry.IsZero() && !lately(cred.ObtainedAt):
	case r.kind == forbidden && lately(c.history.taken): // a redirect is never about a permission
		return false
	}
	c.history.doubted = now
	return true
}

// withoutAsking returns another token than cred's, if there is one without a
// person: the one that another process has stored since, or a refreshed one where
// cred's may have ended. ErrLoginRequired says that nothing renews the token.
// tried says that the refresh was tried a moment ago.
func (c *Client) withoutAsking(ctx context.Context, cred *Credential, r refusal, tried bool) (newer *Credential, err error) {
	why := renewal{failed: hashOf(c.Bearer(cred)), quiet: true}
	stored, err := c.stored(ctx)
	if err == nil && c.serves(stored, why) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cred, c.history = stored, tokenHistory{got: time.Now(), doubted: c.history.doubted}
		return stored, nil
	}
	if tried || why.failed == "" || r.kind != unauthorized && !c.doubt(cred, r) {
		if err == nil && stored.RefreshToken.IsZero() && !c.withoutRefreshToken() {
			return nil, ErrLoginRequired
		}
		return nil, errNotRenewed
	}
	newer, err = c.renew(ctx, why)
	if err != nil {
		c.log.Debug("a token that may have ended was not refreshed", "error", err)
	}
	return newer, err
}

// errNotRenewed says that the token of a refused request is not to be renewed.
var errNotRenewed = errors.New("the token is not renewed for this")

// notReplaced passes a refusal on, or the reason why a token that has ended was not
// renewed: early, or now.
func (c *Client) notReplaced(cred *Credential, r refusal, resp *http.Response, early, now error) (*http.Response, error) {
	if r.kind == forbidden && saysEnded(r.challenge) && errors.Is(now, ErrLoginRequired) {
		foreign.Discard(resp)
		return nil, &grant.Error{
			Op: "sign in to " + c.cfg.Server.Redacted(), Err: fmt.Errorf("the server says (403) that the token has ended, and nothing renews it: %w", ErrLoginRequired),
			Hint: "run: " + c.command("login", "--again"),
		}
	}
	if early != nil && !cred.Expiry.IsZero() && !time.Now().Before(cred.Expiry) {
		foreign.Discard(resp)
		return nil, c.signInError(early)
	}
	if r.needsScope {
		c.log.Warn("the signed-in account lacks a permission that the server wants; signing in again would not change that",
			"scopes", foreign.Line(strings.Join(r.challenge.Scopes(), " ")), "account", foreign.Line(cred.Account))
	}
	return resp, nil
}
