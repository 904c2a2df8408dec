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

// StaticToken returns a RoundTripper that puts a token which the person gave on
// requests to server, and nowhere else. Nothing is refreshed or stored: when
// the server refuses the token, that is the answer. A token that cannot stand
// in a header is an error.
func StaticToken(server *url.URL, token grant.Secret, base http.RoundTripper) (http.RoundTripper, error) {
	if err := grant.CheckToken(token); err != nil {
		return nil, &hint.Error{Op: "use the given token", Err: err, Hint: "give the bare token, without the word Bearer and without line breaks"}
	}
	return &staticToken{server, token, base}, nil
}

type staticToken struct {
	server *url.URL
	token  grant.Secret
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *staticToken) RoundTrip(req *http.Request) (*http.Response, error) {
	if !origin.SameOrigin(req.URL, t.server) || len(req.Header.Values("Authorization")) > 0 {
		return t.base.RoundTrip(req)
	}
	resp, err := t.base.RoundTrip(sign(req, t.token))
	if err != nil || resp.StatusCode != http.StatusUnauthorized || MayBeSessionLoss(req, resp) {
		return resp, err
	}
	foreign.Discard(resp)
	return nil, StaticTokenRefused(t.server, resp)
}

// StaticTokenRefused is the error of a 401 to a given token. That of StaticToken returns
// a 401 without a challenge to a request with Mcp-Session-Id, as Client.Transport does.
func StaticTokenRefused(server *url.URL, refused *http.Response) error {
	challenge, _ := discovery.BearerChallenge(refused.Header)
	return &grant.Error{
		Op: "use " + server.Redacted(), Code: grant.ErrorCode(challenge.ErrorCode()), Err: errors.Join(refusedBy(challenge, "the server refused the token that was given"), ErrLoginRequired),
		Hint: "give a valid token in MCP_LOGIN_TOKEN, or unset it to sign in",
	}
}
