package devidp

import (
	"net/http"
	"strings"
	"time"
)

// ownToken authenticates the client and reads the token parameter. JWTs are
// refused: they are kept nowhere.
func (p *Provider) ownToken(w http.ResponseWriter, r *http.Request, jwtRefusal string) (Client, string, *oauthError) {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		return Client{}, "", refusal
	}
	token := form.Get("token")
	switch {
	case token == "":
		return Client{}, "", missing("token")
	case strings.Count(token, ".") == 2:
		return Client{}, "", badRequest("unsupported_token_type", jwtRefusal)
	}
	return client, token, nil
}

// revocation (RFC 7009): unknown tokens and those of others are no error, and
// stay as they are. Either kind takes all opaque and refresh tokens of its
// login with it.
func (p *Provider) revocation(w http.ResponseWriter, r *http.Request) {
	p.count(func(s *Stats) { s.Revocations++ })
	client, token, refusal := p.ownToken(w, r, "Structured JWT Tokens cannot be revoked via the revocation_endpoint")
	if refusal != nil {
		refusal.write(w)
		return
	}
	p.revoke(client, token)
	w.WriteHeader(http.StatusOK)
}

// revoke ends what token stands for, if it is the client's and has not ended.
func (p *Provider) revoke(client Client, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if t := p.refresh[token]; t != nil && !t.ended(now) && t.grant.client.ID == client.ID {
		t.grant.revoked = true
		p.stats.RevokedRefreshTokens++
	}
	if t := p.access[token]; t != nil && !t.ended(now) && t.grant.client.ID == client.ID {
		t.grant.revoked = true
		p.stats.RevokedAccessTokens++
	}
}

// introspection (RFC 7662) of the client's own opaque tokens; those of others
// are as good as unknown.
func (p *Provider) introspection(w http.ResponseWriter, r *http.Request) {
	p.count(func(s *Stats) { s.Introspections++ })
	client, token, refusal := p.ownToken(w, r, "Structured JWT Tokens cannot be introspected via the introspection_endpoint")
	if refusal != nil {
		refusal.write(w)
		return
	}
	writeJSON(w, http.StatusOK, p.introspect(client, token))
}

func (p *Provider) introspect(client Client, token string) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if t := p.access[token]; t != nil && !t.ended(now) && t.grant.client.ID == client.ID {
		a := p.active(t.grant, t.scopes, t.issued, t.expires)
		a["token_type"] = "Bearer"
		return a
	}
	if t := p.refresh[token]; t != nil && !t.ended(now) && t.rotated.IsZero() && t.grant.client.ID == client.ID {
		return p.active(t.grant, t.grant.scopes, t.issued, t.expires)
	}
	return map[string]any{"active": false}
}

func (p *Provider) active(g *grant, scopes []string, issued, expires time.Time) map[string]any {
	return map[string]any{
		"active": true, "iat": issued.Unix(), "sub": g.user.Subject, "client_id": g.client.ID, "iss": p.issuer,
		"exp": expires.Unix(), "scope": strings.Join(scopes, " "),
	}
}
