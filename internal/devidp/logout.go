package devidp

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// endSession is the logout that a client sends a browser to (OpenID Connect
// RP-Initiated Logout 1.0, section 2), with parameters in the query or a form.
// There is no session to end. The browser goes on to post_logout_redirect_uri
// when the client is known, by id_token_hint or client_id, and has exactly this
// address registered; when the client is not known the address is passed over.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) *oauthError {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		return badRequest("invalid_request", "the request cannot be read")
	}
	if name := repeated(r.Form); name != "" {
		return twice(name)
	}
	client, known, refusal := p.leaving(r.Context(), r.Form)
	to := r.Form.Get("post_logout_redirect_uri")
	switch {
	case refusal != nil:
		return refusal
	case !known || to == "":
		show(w, http.StatusOK, donePage("You are signed out", "This provider keeps no sessions."))
		return nil
	case !slices.Contains(client.PostLogoutRedirectURIs, to):
		return badRequest("invalid_request", "post_logout_redirect_uri not registered")
	}
	address, err := url.Parse(to)
	if err != nil {
		return badRequest("invalid_request", "post_logout_redirect_uri cannot be read")
	}
	if state := r.Form.Get("state"); state != "" {
		query := address.Query()
		query.Set("state", state)
		address.RawQuery = query.Encode()
	}
	http.Redirect(w, r, address.String(), http.StatusSeeOther) //nolint:gosec // one that the client has registered
	return nil
}

// leaving finds the client that logs out, if the request names one.
func (p *Provider) leaving(ctx context.Context, form url.Values) (Client, bool, *oauthError) {
	id := form.Get("client_id")
	if hint := form.Get("id_token_hint"); hint != "" {
		audience, valid := p.hinted(hint)
		switch {
		case !valid:
			return Client{}, false, badRequest("invalid_request", "could not validate id_token_hint")
		case id != "" && id != audience:
			return Client{}, false, badRequest("invalid_request", "client_id does not match the provided id_token_hint")
		}
		id = audience
	}
	if id == "" {
		return Client{}, false, nil
	}
	client, refusal := p.client(ctx, id, false)
	return client, refusal == nil, refusal
}

// hinted verifies an ID token of this provider, which may have ended, and
// returns the client it is for.
func (p *Provider) hinted(token string) (clientID string, valid bool) {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES384"}), jwt.WithoutClaimsValidation()).ParseWithClaims(token, &claims, p.ownKey)
	if err != nil || len(claims.Audience) != 1 {
		return "", false
	}
	return claims.Audience[0], true
}
