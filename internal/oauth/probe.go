package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// A provider that does not know the client, or its redirect URI, must not redirect
// (RFC 6749, section 4.1.2.1): it shows the person an error that leads nowhere, often
// as JSON, and mcp-login hears nothing of it. So it is asked before the person is.

// probeTime is how long a person waits at most for what the provider says to that. The
// answer still counts afterwards, while the person is at it.
const probeTime = time.Second

// probeTimeout is how long the answer is waited for in all.
const probeTimeout = 10 * time.Second

// maxProbe bounds how much of an answer is read.
const maxProbe = 64 << 10

// probed is what an authorization endpoint says before a person has done anything.
type probed struct {
	status                int
	location, redirectURI string
	body                  []byte
}

// probe sends the authorization request of cred so that it asks nobody: with prompt=none
// (OpenID Connect Core, section 3.1.2.1), and without cookies and what the person has
// added with --auth-param. Nothing behind the answer is followed, and a code in it is
// not used.
func (c *Client) probe(ctx context.Context, meta discovery.ServerMetadata, cred Credential) (probed, error) {
	address, err := c.requestURL(meta, cred, oauth2.GenerateVerifier(), newState(), url.Values{"prompt": {"none"}})
	if err != nil {
		return probed{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return probed{}, err
	}
	req.Header.Set("Accept", "text/html, application/json;q=0.5") // as a browser asks
	resp, err := c.cfg.HTTP.Do(req)                               //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return probed{}, foreign.HTTPError(err)
	}
	body, err := foreign.ReadBody(resp, maxProbe, foreign.AnswerTime)
	if err != nil && !errors.Is(err, foreign.ErrTooLarge) { // a page may be long
		return probed{}, err
	}
	return probed{resp.StatusCode, resp.Header.Get("Location"), cred.Registration.RedirectURI, body}, nil
}

// Reply is what an endpoint of a provider answers to a request that asks nobody.
type Reply struct {
	// Status is that of HTTP; 0 when nothing was asked or answered.
	Status int
	// Redirected tells that the error is in a redirect to the client.
	Redirected bool
	// Code and Description are the OAuth error, "" for none, and Scope the scopes that
	// it names beside it; filtered.
	Code, Description, Scope string
}

// newReply reads the members of a JSON object, or the query of a redirect.
func newReply(status int, redirected bool, member func(name string) string) Reply {
	e := newOAuthError(member("error"), member("error_description"))
	return Reply{status, redirected, e.Code, e.Description, foreign.Line(member("scope"))}
}

func (p probed) reply() Reply {
	if own, to := p.own(); own {
		return newReply(p.status, true, to.Query().Get)
	}
	o, err := foreign.ParseObject(p.body)
	if err != nil || p.status/100 == 3 {
		return Reply{Status: p.status}
	}
	return newReply(p.status, false, o.Text)
}

// own reports whether the answer is a redirect to the client.
func (p probed) own() (bool, *url.URL) {
	to, err := url.Parse(p.location)
	return err == nil && p.status/100 == 3 && p.redirectURI != "" && strings.HasPrefix(p.location, p.redirectURI), to
}

// direct reports whether the error is one that a browser shows as JSON, and that comes
// again however often a person tries.
func (r Reply) direct() bool {
	return !r.Redirected && r.Status/100 == 4 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusRequestTimeout
}

// ClientRefused reports whether the provider says that it does not know the client
// (invalid_client as JSON). No other answer does: those of firewalls, and pages of a
// provider's own, say nothing that can be relied on.
func (r Reply) ClientRefused() bool { return r.direct() && r.Code == "invalid_client" }

// RedirectRefused reports whether the provider says, as JSON, that the client has not
// this redirect URI.
func (r Reply) RedirectRefused() bool {
	said := strings.ReplaceAll(strings.ToLower(r.Description), " ", "_")
	return r.direct() && (r.Code == "invalid_redirect_uri" || r.Code == "redirect_uri_mismatch" || r.Code == "invalid_request" && strings.Contains(said, "redirect_uri"))
}

// probing asks the provider whether it takes the request of cred, while the person gets
// ready. The context that it returns ends when that is hopeless, with an *Error as its
// cause. A client that has signed in like this before costs no time, and any other one
// at most probeTime. release ends it.
func (c *Client) probing(ctx context.Context, meta discovery.ServerMetadata, cred Credential, w want) (waiting context.Context, release func()) {
	if cred.Registration.Dynamic { // it has just been registered, or asked about
		return ctx, func() {}
	}
	waiting, end := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if p, err := c.probe(waiting, meta, cred); err == nil {
			if err := c.refusedUnseen(p.reply(), cred); err != nil {
				end(err)
			}
		}
	}()
	if !w.progress.proven {
		soon := time.NewTimer(probeTime)
		defer soon.Stop()
		select {
		case <-done:
		case <-soon.C:
		}
	}
	return waiting, func() { end(nil); <-done }
}

// refusedUnseen is the error of a login whose browser would show an error that leads
// nowhere, nil for all other answers.
func (c *Client) refusedUnseen(r Reply, cred Credential) error {
	e := &Error{Op: "ask the provider about the client", Code: r.Code, Err: fmt.Errorf("%w: %s", ErrDenied, oauthError{r.Code, r.Description}.describe())}
	advice := "; to find out more, run: " + Command("doctor", c.cfg.Key, c.cfg.Named, c.cfg.Accepted, c.cfg.LoginFlags...)
	switch {
	case r.ClientRefused() && cred.Registration.ClientID == cred.Choices.MetadataURL && c.cfg.Identity.ClientID == "":
		e.Hint = "the provider does not take the client ID metadata document; register a native (public) application there by hand and give its id with --client-id"
	case r.ClientRefused():
		e.Hint = "the provider does not know the client " + foreign.Line(cred.Registration.ClientID) + ": give the id of a native (public) application there with --client-id" + advice
	case r.RedirectRefused():
		e.Hint = "register " + redirectAdvice(cred.Registration.RedirectURI) + " for this client, which must be a native (public) application; an application of another kind is refused like this, too" + advice
	default:
		return nil
	}
	return e
}

// redirectAdvice is a redirect URI as a person registers it.
func redirectAdvice(uri string) string {
	if strings.HasPrefix(uri, "https:") {
		return "the redirect URI " + uri
	}
	return "the redirect URI " + withoutPort(uri) + " (without a port, or " + uri + ")"
}

// provenBy reports whether the latest login of the account has worked with the client
// and the redirect URI of reg, any port on this machine being the same.
func (r Registration) provenBy(previous Credential) bool {
	before := previous.Registration
	return previous.Attempt.Succeeded && before.ClientID == r.ClientID && before.Provider().Same(r.Provider()) &&
		withoutPort(before.RedirectURI) == withoutPort(r.RedirectURI)
}
