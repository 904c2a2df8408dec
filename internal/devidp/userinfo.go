package devidp

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// userinfo answers with the claims of an opaque access token (OpenID Connect
// Core, section 5.3), and refuses as Logto does, JWTs among the refused.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.stats.Userinfo++
	status := p.faults.UserinfoStatus
	p.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	token, refusal := bearer(r)
	if refusal != nil {
		p.challenge(w, *refusal, "")
		return
	}
	p.mu.Lock()
	t := p.access[token]
	alive := t != nil && !t.ended(time.Now()) && t.grant.user.Username != "" // not a client's own
	p.mu.Unlock()
	switch {
	case !alive:
		p.challenge(w, oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: "invalid token provided"}, "")
	case !slices.Contains(t.scopes, "openid"):
		p.challenge(w, oauthError{status: http.StatusForbidden, code: "insufficient_scope", description: "access token missing openid scope"}, "openid")
	default:
		writeJSON(w, http.StatusOK, userClaims(t.grant.user, t.scopes))
	}
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

// challenge answers with WWW-Authenticate; without a token it names no error.
func (p *Provider) challenge(w http.ResponseWriter, e oauthError, scope string) {
	value := `Bearer realm="` + p.issuer + `"`
	if e.description != noToken {
		value += `, error="` + e.code + `", error_description="` + e.description + `"`
	}
	if scope != "" {
		value += `, scope="` + scope + `"`
		e.members = map[string]string{"scope": scope}
	}
	w.Header().Set("WWW-Authenticate", value)
	e.write(w)
}
