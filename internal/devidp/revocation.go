package devidp

import (
	"cmp"
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
func (p *Provider) revocation(w http.ResponseWriter, r *http.Request) *oauthError {
	p.count(func(s *Stats) { s.Revocations++ })
	client, token, refusal := p.ownToken(w, r, "Structured JWT Tokens cannot be revoked via the revocation_endpoint")
	if refusal != nil {
		return refusal
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := cmp.Or(p.access[token], p.refresh[token]); t.goodFor(client, time.Now()) {
		t.grant.revoked = true
	}
	return nil // 200 without a body
}

// introspection (RFC 7662) of the client's own opaque tokens; those of others
// are as good as unknown.
func (p *Provider) introspection(w http.ResponseWriter, r *http.Request) *oauthError {
	p.count(func(s *Stats) { s.Introspections++ })
	client, token, refusal := p.ownToken(w, r, "Structured JWT Tokens cannot be introspected via the introspection_endpoint")
	if refusal != nil {
		return refusal
	}
	return writeJSON(w, http.StatusOK, p.introspect(client, token))
}

func (p *Provider) introspect(client Client, token string) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	access := p.access[token]
	t := cmp.Or(access, p.refresh[token])
	if !t.goodFor(client, time.Now()) || !t.rotated.IsZero() {
		return map[string]any{"active": false}
	}
	answer := map[string]any{
		"active": true, "iat": t.issued.Unix(), "sub": t.grant.user.Subject, "client_id": client.ID, "iss": p.issuer,
		"exp": t.expires.Unix(), "scope": strings.Join(t.scopes, " "),
	}
	bind(answer, t.key)
	if access != nil {
		answer["token_type"] = tokenType(t.key)
	}
	return answer
}
