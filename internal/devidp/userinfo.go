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
	alive := t != nil && !t.ended(time.Now())
	p.mu.Unlock()
	switch {
	case !alive:
		p.challenge(w, oauthError{http.StatusUnauthorized, "invalid_token", "invalid token provided"}, "")
	case !slices.Contains(t.scopes, "openid"):
		p.challenge(w, oauthError{http.StatusForbidden, "insufficient_scope", "access token missing openid scope"}, "openid")
	default:
		writeJSON(w, http.StatusOK, userClaims(t.grant.user, t.scopes))
	}
}

// bearer reads the token from the header, and from nowhere else (RFC 6750).
func bearer(r *http.Request) (string, *oauthError) {
	if r.URL.Query().Has("access_token") {
		return "", badRequest("invalid_request", "access tokens must not be provided via query parameter")
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", &oauthError{http.StatusUnauthorized, "invalid_token", "no access token provided"}
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
	if e.description != "no access token provided" {
		value += `, error="` + e.code + `", error_description="` + e.description + `"`
	}
	if scope != "" {
		value += `, scope="` + scope + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	e.write(w)
}

// revocation (RFC 7009): unknown tokens and those of others are no error.
func (p *Provider) revocation(w http.ResponseWriter, r *http.Request) {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	token := form.Get("token")
	p.mu.Lock()
	p.stats.Revocations++
	if t := p.refresh[token]; t != nil && t.grant.clientID == client.ID {
		t.grant.revoked = true
	}
	if t := p.access[token]; t != nil && t.grant.clientID == client.ID {
		delete(p.access, token)
	}
	p.mu.Unlock()
	if strings.Count(token, ".") == 2 {
		writeError(w, http.StatusBadRequest, "unsupported_token_type", "structured JWT Tokens cannot be revoked via the revocation_endpoint")
		return
	}
	w.WriteHeader(http.StatusOK)
}

// introspection (RFC 7662) of the client's own opaque tokens.
func (p *Provider) introspection(w http.ResponseWriter, r *http.Request) {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	token := form.Get("token")
	if strings.Count(token, ".") == 2 {
		writeError(w, http.StatusBadRequest, "unsupported_token_type", "structured JWT Tokens cannot be introspected via the introspection_endpoint")
		return
	}
	p.mu.Lock()
	t := p.access[token]
	alive := t != nil && !t.ended(time.Now()) && t.grant.clientID == client.ID
	p.mu.Unlock()
	if !alive {
		writeJSON(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"active": true, "sub": t.grant.user.Subject, "client_id": client.ID, "iss": p.issuer, "exp": t.expires.Unix(),
		"scope": strings.Join(t.scopes, " "), "token_type": "Bearer",
	})
}

// endSession has no session to end.
func (p *Provider) endSession(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("You are signed out: this provider keeps no sessions.\n"))
}
