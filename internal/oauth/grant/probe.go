package grant

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/foreign"
)

// A provider that does not know the client, or its redirect URI, must not redirect
// (RFC 6749, section 4.1.2.1): it shows the person an error that leads nowhere, often
// as JSON, and mcp-login hears nothing of it. So it is asked before the person is.

// probeTimeout is how long the answer is waited for in all.
const probeTimeout = 10 * time.Second

// maxProbe bounds how much of an answer is read.
const maxProbe = 64 << 10

// Reply is what an endpoint of a provider answers to a request that asks nobody.
type Reply struct {
	// Status is that of HTTP; 0 when nothing was asked or answered.
	Status int
	// Redirected tells that the error is in a redirect to the client.
	Redirected bool
	// Code and Description are the OAuth error, "" for none, and Scope the scopes that
	// it names beside it; filtered.
	Code, Description, Scope string

	clientUnknown bool // see ClientUnknown
}

func newReply(status int, redirected bool, member func(name string) string) Reply {
	e := newOAuthError(member("error"), member("error_description"))
	return Reply{Status: status, Redirected: redirected, Code: e.Code, Description: e.Description, Scope: foreign.Line(member("scope"))}
}

// Probe sends the authorization request so that it asks nobody: with prompt=none
// (OpenID Connect Core 1.0, section 3.1.2.1), and without cookies and what the person
// has added with --auth-param. Nothing behind the answer is followed, and a code in it
// is not used. A provider that takes no other requests gets it pushed (RFC 9126).
func (c *Client) Probe(ctx context.Context, t *Target) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	form := authorizationRequest(t, oauth2.GenerateVerifier(), NewState(), url.Values{"prompt": {"none"}})
	address, err := authorizationAddress(t, form)
	if err != nil {
		return Reply{}, err
	}
	if t.Server.RequirePushed {
		answer, err := c.push(ctx, t, form)
		if err != nil {
			return Reply{}, err
		}
		pushed, err := answer.pushed(t)
		if err != nil {
			return probeReply(answer.status, "", answer.body, t.Registration.RedirectURI), nil
		}
		address = pushed.Address
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Accept", "text/html, application/json;q=0.5") // as a browser asks
	resp, err := c.HTTP.Do(req)                                   //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return Reply{}, foreign.HTTPError(err)
	}
	body, err := foreign.ReadBody(resp, maxProbe, foreign.AnswerTime)
	if err != nil && !errors.Is(err, foreign.ErrTooLarge) { // a page may be long
		return Reply{}, err
	}
	return probeReply(resp.StatusCode, resp.Header.Get("Location"), body, t.Registration.RedirectURI), nil
}

// probeReply reads the answer to a probe.
func probeReply(status int, location string, body []byte, redirectURI string) Reply {
	r := Reply{Status: status}
	if to, err := url.Parse(location); err == nil && status/100 == 3 && redirectURI != "" && strings.HasPrefix(location, redirectURI) {
		r = newReply(status, true, to.Query().Get)
	} else if o, err := foreign.ParseObject(body); err == nil && status/100 != 3 {
		r = newReply(status, false, o.Text)
	}
	r.clientUnknown = saysUnknown(status, location, body, redirectURI)
	return r
}

// TryCode asks the token endpoint about an authorization code that nobody has: whether
// the client may use that grant, and whether its secret is right.
func (c *Client) TryCode(ctx context.Context, t *Target) Reply {
	return c.tryToken(ctx, t, url.Values{
		"grant_type": {typeCode}, "code": {rand.Text()}, "code_verifier": {oauth2.GenerateVerifier()}, "redirect_uri": {t.Registration.RedirectURI},
	})
}

// TryDeviceCode is TryCode for a device code.
func (c *Client) TryDeviceCode(ctx context.Context, t *Target) Reply {
	return c.tryToken(ctx, t, url.Values{"grant_type": {TypeDevice}, "device_code": {rand.Text()}})
}

func (c *Client) tryToken(ctx context.Context, t *Target, form url.Values) Reply {
	answer, err := c.postToken(ctx, t, form)
	if err != nil {
		return Reply{}
	}
	if answer.unread != nil {
		return Reply{Status: answer.status}
	}
	return newReply(answer.status, false, answer.object.Text)
}

// direct reports whether the error is one that a browser shows as JSON, and that comes
// again however often a person tries.
func (r Reply) direct() bool {
	return !r.Redirected && r.Status/100 == 4 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusRequestTimeout
}

// ClientRefused reports whether the provider refuses the client (invalid_client as JSON):
// it does not know it, or refuses how it has authenticated; see Unauthorized. No other
// answer counts: those of firewalls, and a provider's own pages, cannot be relied on.
func (r Reply) ClientRefused() bool { return r.direct() && r.Code == "invalid_client" }

// RedirectRefused reports whether the provider says, as JSON, that the client has not
// this redirect URI.
func (r Reply) RedirectRefused() bool {
	said := strings.ReplaceAll(strings.ToLower(r.Description), " ", "_")
	return r.direct() && (r.Code == "invalid_redirect_uri" || r.Code == "redirect_uri_mismatch" || r.Code == "invalid_request" && strings.Contains(said, "redirect_uri"))
}

// ClientUnknown reports whether the provider seems not to know the client any more. For
// a client that is registered anew at no cost all signs count, those of a provider's own
// error pages as well.
func (r Reply) ClientUnknown() bool { return r.RedirectRefused() || r.clientUnknown }

// GrantRefused reports whether the token endpoint says that the client has not this
// grant (RFC 6749, section 5.2: unauthorized_client, or in the words of Logto).
func (r Reply) GrantRefused() bool {
	return r.direct() && (r.Code == "unauthorized_client" || r.Code == "invalid_request" && strings.Contains(r.Description, "not allowed for this client"))
}

// Unauthorized reports whether the refusal is about how the client has authenticated;
// some say 400 of a client that they do not know.
func (r Reply) Unauthorized() bool { return r.ClientRefused() && r.Status == http.StatusUnauthorized }

// IsClientUnknown reports whether an OAuth error code means that the provider does not
// know the client: the one of RFC 6749 section 5.2, and the one that providers
// such as Entra use instead.
func IsClientUnknown(code string) bool {
	return code == "invalid_client" || code == "unauthorized_client"
}

// unknownClientTexts are what error pages say of an unknown client, in lower case.
var unknownClientTexts = []string{
	"invalid_client", "invalid client", "unauthorized_client", "unauthorized client", "unknown client", "unknown_client", "client not found", "client_not_found",
	"client does not exist", "client doesn't exist", "no such client", "unrecognized client", "unregistered client", "client is not registered",
	"unknown application", "application not found", "app not found",
}

// saysUnknown reports whether an answer of the authorization endpoint says that the
// client is unknown: by an OAuth error as JSON, a refusal that names the client, or a
// redirect to an error page. A page with status 200 is one to sign in at, whatever its
// scripts hold.
func saysUnknown(status int, location string, body []byte, redirectURI string) bool {
	text := strings.ToLower(string(body))
	switch {
	case status/100 == 3:
		return leadsToError(location, redirectURI)
	case status >= 500 || status == http.StatusTooManyRequests:
		return false
	case status/100 == 4:
		return strings.Contains(text, "client_id") || saysClientUnknown(text)
	}
	a := newResponse(status, nil, body)
	return a.Code != "" && (IsClientUnknown(a.Code) || saysClientUnknown(strings.ToLower(a.Description)))
}

func saysClientUnknown(text string) bool {
	return slices.ContainsFunc(unknownClientTexts, func(part string) bool { return strings.Contains(text, part) })
}

// leadsToError reports whether a redirect before any sign-in leads to an error about
// the client. A redirect to the client says so by its code; a page of the provider by its
// address, if that does not name another error.
func leadsToError(location, redirectURI string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	code := u.Query().Get("error")
	own := strings.HasPrefix(location, redirectURI) && redirectURI != ""
	if code != "" || own {
		return IsClientUnknown(code) || !own && saysClientUnknown(strings.ToLower(u.Query().Get("error_description")))
	}
	plain, err := url.QueryUnescape(location)
	if err == nil && saysClientUnknown(strings.ToLower(plain)) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(u.Path+"/"+u.Fragment), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "error") })
}
