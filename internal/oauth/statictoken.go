package oauth

import (
	"errors"
	"net/http"
	"net/url"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
)

// Given is a RoundTripper for a credential that the person gave in the place of a login.
// Nothing is refreshed or stored: when the server refuses it, that is the answer.
type Given struct {
	server *url.URL
	token  grant.Secret // zero where requests have it already
	base   http.RoundTripper
	// what names it, and next says what to do when it is refused.
	what, next string
}

// StaticToken returns a Given that puts token on requests to server, and nowhere else. A
// token that cannot stand in a header is an error. what names it.
func StaticToken(server *url.URL, token grant.Secret, what string, base http.RoundTripper) (*Given, error) {
	if err := grant.CheckToken(token); err != nil {
		return nil, &hint.Error{Op: "use the given token", Err: err, Hint: "give the bare token, without the word Bearer and without line breaks"}
	}
	return &Given{
		server: server, token: token, base: base,
		what: what, next: "give a valid token in MCP_LOGIN_TOKEN, or unset it to sign in",
	}, nil
}

// GivenHeader returns a Given for requests that have an Authorization header, which what names.
func GivenHeader(server *url.URL, what string, base http.RoundTripper) *Given {
	return &Given{
		server: server, base: base,
		what: what, next: "give a valid one with --header, or leave it out to sign in",
	}
}

// RoundTrip implements http.RoundTripper.
func (g *Given) RoundTrip(req *http.Request) (*http.Response, error) {
	if !origin.SameOrigin(req.URL, g.server) {
		return g.base.RoundTrip(req)
	}
	if len(req.Header.Values("Authorization")) == 0 {
		req = sign(req, g.token)
	}
	resp, err := g.base.RoundTrip(req)
	if err != nil || !RefusesToken(resp) || MayBeSessionLoss(req, resp) {
		return resp, err
	}
	foreign.Discard(resp)
	return nil, g.Refused(resp)
}

// RefusesToken reports whether a response says that the token of its request is at fault:
// 401, or a 403 with a challenge that blames it, which some servers send instead.
func RefusesToken(resp *http.Response) bool {
	challenge, _ := discovery.BearerChallenge(resp.Header)
	return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden && saysEnded(challenge)
}

// Refused is the error of a refusal. RoundTrip returns a 401 without a challenge to a
// request with Mcp-Session-Id, as Client.Transport does.
func (g *Given) Refused(refused *http.Response) error {
	return CredentialRefused(g.server, refused, g.what, g.next)
}

// CredentialRefused is the error of a server that refuses what the person gave in the place
// of a login.
func CredentialRefused(server *url.URL, refused *http.Response, what, next string) error {
	challenge, _ := discovery.BearerChallenge(refused.Header)
	return &grant.Error{
		Op: "use " + server.Redacted(), Code: grant.ErrorCode(challenge.ErrorCode()),
		Err: errors.Join(refusedBy(challenge, "the server refused "+what), ErrLoginRequired), Hint: next,
	}
}
