package devidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant ties the tokens of one login together.
type grant struct {
	client    Client
	user      User
	scopes    []string // as granted, of OIDC and resources
	resources []string
	nonce     string
	revoked   bool
}

func newGrant(req request, user User) *grant {
	return &grant{client: req.client, user: user, scopes: req.scopes, resources: req.resources, nonce: req.nonce}
}

// refreshable reports whether refresh tokens come with the grant. The scope is
// here only when prompt=consent was, too.
func (g *grant) refreshable() bool {
	return slices.Contains(g.scopes, "offline_access") && g.client.may(grantRefresh)
}

// refreshToken of a grant.
type refreshToken struct {
	grant           *grant
	issued, expires time.Time
	rotated         time.Time // zero until it was used
}

func (t *refreshToken) ended(now time.Time) bool { return now.After(t.expires) || t.grant.revoked }

// token is the token endpoint (RFC 6749, section 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if p.tokenFault(w, r) {
		return
	}
	answer, refusal := p.tokenAnswer(w, r)
	if refusal != nil {
		p.cfg.Log.Debug("token request refused", "error", refusal.code)
		refusal.write(w)
		return
	}
	if !p.answerFault(r, answer) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) tokenAnswer(w http.ResponseWriter, r *http.Request) (map[string]any, *oauthError) {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		return nil, refusal
	}
	grantType := form.Get("grant_type")
	p.count(func(s *Stats) { s.tokenRequest(grantType) })
	switch grantType {
	case "":
		return nil, missing("grant_type")
	case grantCode, grantRefresh, grantDevice, grantClient:
		if !client.may(grantType) {
			return nil, badRequest("invalid_request", "requested grant type is not allowed for this client")
		}
	default:
		return nil, badRequest("unsupported_grant_type", "unsupported grant_type requested")
	}
	switch grantType {
	case grantCode:
		return p.exchange(client, form)
	case grantRefresh:
		return p.refreshGrant(client, form)
	case grantClient:
		return p.clientGrant(client, form)
	}
	return p.devicePoll(client, form)
}

// exchange spends a code (RFC 6749, section 4.1.3). A wrong verifier does not
// spend it; a second use ends everything the first one gave.
func (p *Provider) exchange(client Client, form url.Values) (map[string]any, *oauthError) {
	for _, name := range []string{"code", "redirect_uri"} {
		if form.Get(name) == "" {
			return nil, missing(name)
		}
	}
	verifier := form.Get("code_verifier")
	if form.Has("code_verifier") && len(verifier) < 43 {
		return nil, badRequest("invalid_request", "code_verifier must be a string with a minimum length of 43 characters")
	}
	g := p.spend(client, form.Get("code"), form.Get("redirect_uri"), verifier)
	if g == nil {
		return nil, invalidGrant()
	}
	// Like Logto the resource is judged after the code is spent.
	if refusal := p.checkResource(g, form); refusal != nil {
		return nil, refusal
	}
	return p.issueFirst(g, form)
}

// spend makes a code into a grant, nil when there is something wrong with it.
func (p *Provider) spend(client Client, value, redirectURI, verifier string) *grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.codes[value]
	switch {
	case c == nil || c.ended(time.Now()) || c.req.client.ID != client.ID || c.req.redirectURI != redirectURI || !c.verify(verifier):
		return nil
	case c.grant != nil:
		if !c.grant.revoked {
			p.stats.ReuseDetections++
		}
		c.grant.revoked = true
		return nil
	}
	c.grant = newGrant(c.req, c.user)
	return c.grant
}

// verify compares verifier and challenge (RFC 7636, section 4.6); without a
// challenge there must be no verifier.
func (c *code) verify(verifier string) bool {
	if c.req.challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(challenge), []byte(c.req.challenge)) == 1
}

// resourceOf is the resource that a token request asks for. Of several Logto
// takes none (its defaultResource decides, and there is no default API).
func resourceOf(form url.Values) string {
	if asked := form["resource"]; len(asked) == 1 {
		return asked[0]
	}
	return ""
}

// checkResource wants a resource that the login was for (RFC 8707, section
// 2.2).
func (p *Provider) checkResource(g *grant, form url.Values) *oauthError {
	asked := resourceOf(form)
	if asked == "" {
		return nil
	}
	p.mu.Lock()
	_, known := p.resources[asked]
	p.mu.Unlock()
	if !known || !slices.Contains(g.resources, asked) {
		return invalidTarget()
	}
	return nil
}

// refreshGrant spends a refresh token (RFC 6749, section 6).
func (p *Provider) refreshGrant(client Client, form url.Values) (map[string]any, *oauthError) {
	value := form.Get("refresh_token")
	if value == "" {
		return nil, missing("refresh_token")
	}
	t, scopes, refusal := p.rotate(client, value, form)
	if refusal != nil {
		return nil, refusal
	}
	// Like Logto the resource is judged after the token is spent.
	if refusal := p.checkResource(t.grant, form); refusal != nil {
		return nil, refusal
	}
	answer, refusal := p.issueFor(t.grant, scopes, form)
	if refusal != nil {
		return nil, refusal
	}
	if p.fault().NoRotation {
		answer["refresh_token"] = value
		return answer, nil
	}
	expires := time.Now().Add(p.cfg.RefreshTokenTTL)
	if g := t.grant; g.client.ApplicationType != "native" && g.client.AuthMethod == authNone {
		expires = t.expires // the life of a web page's login is not extended
	}
	answer["refresh_token"] = p.newRefreshToken(t.grant, expires)
	return answer, nil
}

// rotate marks the token as used and returns it with the scopes asked for. One
// that was used longer ago than the leeway ends the whole grant: somebody else
// may hold the newer one.
func (p *Provider) rotate(client Client, value string, form url.Values) (*refreshToken, []string, *oauthError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.refresh[value]
	now := time.Now()
	if t == nil || t.grant.client.ID != client.ID || t.ended(now) {
		return nil, nil, invalidGrant()
	}
	leeway := p.cfg.ReuseLeeway
	if p.faults.StrictRotation {
		leeway = -1
	}
	if !t.rotated.IsZero() && now.Sub(t.rotated) > leeway {
		t.grant.revoked = true
		p.stats.ReuseDetections++
		return nil, nil, invalidGrant()
	}
	scopes := t.grant.scopes
	if form.Has("scope") {
		scopes = strings.Fields(form.Get("scope"))
		for _, s := range scopes {
			if !slices.Contains(t.grant.scopes, s) {
				refusal := badRequest("invalid_scope", "refresh token missing requested scope")
				refusal.members = map[string]string{"scope": s}
				return nil, nil, refusal
			}
		}
	}
	if !p.faults.NoRotation && t.rotated.IsZero() {
		t.rotated = now
	}
	return t, scopes, nil
}
