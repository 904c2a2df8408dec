package devidp

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// userinfo answers with the claims of an opaque access token (OpenID Connect
// Core, section 5.3), and refuses as Logto does, JWTs among the refused.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) *oauthError {
	w.Header().Set("Cache-Control", "no-store")
	token, refusal := bearer(r)
	p.mu.Lock()
	p.stats.Userinfo++
	t := p.access[token]
	alive := t != nil && !t.ended(time.Now()) && t.grant.user.Username != "" // not a client's own
	p.mu.Unlock()
	switch {
	case refusal != nil:
	case !alive:
		refusal = &oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: "invalid token provided"}
	case !slices.Contains(t.scopes, "openid"):
		refusal = (&oauthError{status: http.StatusForbidden, code: "insufficient_scope", description: "access token missing openid scope"}).naming("openid")
	default:
		return writeJSON(w, http.StatusOK, userClaims(t.grant.user, t.scopes))
	}
	w.Header().Set("WWW-Authenticate", p.challenge(refusal))
	return refusal
}

const noToken = "no access token provided"

// bearer reads the token from the header, and from nowhere else (RFC 6750).
func bearer(r *http.Request) (string, *oauthError) {
	if r.URL.Query().Has("access_token") {
		return "", badRequest("invalid_request", "access tokens must not be provided via query parameter")
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", &oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: noToken}
	}
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case !strings.EqualFold(scheme, "bearer"):
		return "", badRequest("invalid_request", "authorization header scheme must be `Bearer`")
	case token == "" || strings.Contains(token, " "):
		return "", badRequest("invalid_request", "invalid authorization header value format")
	}
	return token, nil
}

// challenge is WWW-Authenticate; without a token it names no error.
func (p *Provider) challenge(e *oauthError) string {
	value := `Bearer realm="` + p.issuer + `"`
	if e.description != noToken {
		value += `, error="` + e.code + `", error_description="` + e.description + `"`
	}
	if scope := e.members["scope"]; scope != "" {
		value += `, scope="` + scope + `"`
	}
	return value
}
