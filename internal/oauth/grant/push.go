package grant

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// Pushed is an authorization request that the provider has taken in advance.
type Pushed struct {
	// Address leads to it, with nothing of the request in it but the client.
	Address string
	// Lifetime is how long the provider knows it, 0 where it does not say.
	Lifetime time.Duration
}

// Push gives the authorization request of verifier and state to the provider, with the
// authentication of the client (RFC 9126, section 2). The answer to the request comes as
// if the browser had brought it.
func (c *Client) Push(ctx context.Context, t *Target, verifier, state string) (Pushed, error) {
	params, err := c.chosenParams(t)
	if err != nil {
		return Pushed{}, err
	}
	answer, err := c.push(ctx, t, authorizationRequest(t, verifier, state, params))
	switch {
	case errors.Is(err, ErrNotSent):
		return Pushed{}, err
	case err != nil:
		return Pushed{}, unavailable(opPush, err)
	case answer.isBusy():
		return Pushed{}, busy(opPush, answer.status)
	}
	pushed, err := answer.pushed(t)
	if err != nil {
		return Pushed{}, c.explainParams(err)
	}
	return pushed, nil
}

// push sends a request to the provider. What it learns of the client stays out of t,
// which others use meanwhile.
func (c *Client) push(ctx context.Context, t *Target, form url.Values) (response, error) {
	own := *t
	return c.postAuthenticated(ctx, t.Server.PushedEndpoint, &own, form)
}

// pushed reads a success (RFC 9126, section 2.2).
func (a response) pushed(t *Target) (Pushed, error) {
	uri := a.object.Text("request_uri")
	switch {
	case a.status/100 != 2 || a.Code != "":
		return Pushed{}, a.asError(opPush, t.Resource)
	case uri == "":
		return Pushed{}, &Error{Op: opPush, Err: errors.New("the answer holds no request_uri")}
	}
	address, err := authorizationAddress(t, url.Values{"client_id": {t.Registration.ClientID}, "request_uri": {uri}})
	p := Pushed{Address: address}
	if seconds, ok := a.object.Seconds("expires_in"); ok && seconds > 0 {
		p.Lifetime = time.Duration(min(seconds, maxLifetime.Seconds()) * float64(time.Second))
	}
	return p, err
}
