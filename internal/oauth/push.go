package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"mcp-login/internal/oauth/grant"
)

// A pushed authorization request (RFC 9126) lives shortly at the provider, at Logto for a
// minute, and people take longer to get to it. So it is pushed when the browser visits
// the local address. An address that a person opens elsewhere holds the whole request,
// unless the provider takes no such request: then it is pushed before that is shown, and
// where the browser is here the local address is the only one.

// pushTime is how long a tab waits for the provider to take the request.
const pushTime = 5 * time.Second

// request is one authorization request.
type request struct {
	target          grant.Target
	verifier, state string
	address         string // at the provider, with the whole request
	answerAt        string // of the listener
}

// promptFor is what a person needs for the authorization request with verifier and
// state.
func (l *login) promptFor(ctx context.Context, redirect Redirect, t *grant.Target, verifier, state string) (Prompt, error) {
	address, err := l.grants.AuthorizationURL(t, verifier, state)
	if err == nil {
		address, err = l.BrowserURL(ctx, "authorization_endpoint", address)
	}
	if err != nil {
		return Prompt{}, err
	}
	l.log.Debug("waiting for the person to sign in", "issuer", t.Server.Issuer, "redirect", redirect.URI(), "scopes", t.Scopes)
	r := request{target: *t, verifier: verifier, state: state, address: address, answerAt: redirect.Here()}
	local, mark := redirect.Local(address, l.atVisit(r))
	p := Prompt{Issuer: t.Server.Issuer, FoundAt: t.Server.FoundAt, URL: address, Local: local, Mark: mark, RedirectURI: redirect.Here()}
	switch {
	case !t.Server.RequirePushed:
	case l.cfg.Elsewhere:
		if p.URL, p.Within, err = l.push(ctx, r); err != nil {
			return Prompt{}, err
		}
	case local != "": // other processes show URL, and the provider does not take the whole request
		p.URL = local
	}
	if uri := redirect.URI(); uri != p.RedirectURI {
		p.PasteFrom = uri
	}
	return p, nil
}

// pushRefusals are the codes of a refusal that is about the request. The browser would bring
// the same one, or show a page that leads nowhere. Of others nobody knows whether the request
// or how it was pushed was the reason: an endpoint that takes no public clients refuses the
// client.
var pushRefusals = []string{"invalid_redirect_uri", "invalid_scope", "invalid_target", "access_denied", "unsupported_response_type"}

// atVisit is where the browser is sent that visits the local address, nil where that is
// always the same. A refusal goes the way of one that the provider sends by the browser.
func (l *login) atVisit(r request) func(ctx context.Context) (string, error) {
	if r.target.Server.PushedEndpoint == "" {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		address, _, err := l.push(ctx, r)
		if refused := (*grant.Error)(nil); errors.As(err, &refused) && refused.Code != "" {
			return r.answerAt + "?" + r.refusal(refused).Encode(), nil
		}
		if err != nil {
			return "", pageError{err}
		}
		return address, nil
	}
}

// push gives the request to the provider and returns the address that leads to it, and how
// long it does. Where that fails it is the one with the whole request, unless the provider
// wants no such request. An error with a code is the refusal of the request.
func (l *login) push(ctx context.Context, r request) (address string, within time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	pushed, err := l.grants.Push(ctx, &r.target, r.verifier, r.state)
	if err == nil {
		address, err = l.BrowserURL(ctx, "authorization_endpoint", pushed.Address)
	}
	required, refused := r.target.Server.RequirePushed, (*grant.Error)(nil)
	switch {
	case err == nil:
		return address, pushed.Lifetime, nil
	case errors.As(err, &refused) && refused.Code != "" && (required || slices.Contains(pushRefusals, refused.Code)):
		return "", 0, refused
	case required:
		return "", 0, &grant.Error{
			Err:  fmt.Errorf("%w; the provider takes only requests that are pushed to it", err),
			Hint: "try again in a moment; if it stays so, tell whoever runs the provider that its pushed_authorization_request_endpoint fails (RFC 9126)",
		}
	}
	l.log.Debug("the provider has not taken the pushed request; the browser brings it", "reason", err)
	return r.address, 0, nil
}

// refusal is a refused request as an answer of the provider.
func (r request) refusal(refused *grant.Error) url.Values {
	answer := url.Values{"state": {r.state}, "iss": {r.target.Server.Issuer}, "error": {refused.Code}}
	if refused.Err != nil {
		answer.Set("error_description", refused.Err.Error())
	}
	return answer
}
