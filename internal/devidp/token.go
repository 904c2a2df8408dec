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

// grant ties the tokens of one login together: what was asked for, with the scopes as
// granted, and who signed in.
type grant struct {
	request
	user    User
	revoked bool
}

// refreshable reports whether refresh tokens come with the grant. The scope is
// here only when prompt=consent was, too.
func (g *grant) refreshable() bool {
	return slices.Contains(g.scopes, "offline_access") && g.client.may(grantRefresh)
}

// tokenRequest is what a client that proved who it is asks of the token endpoint.
type tokenRequest struct {
	client Client
	form   url.Values
	key    string // the thumbprint of the one that it proved to have, which tokens are bound to
}

// token is the token endpoint (RFC 6749, section 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) *oauthError {
	w.Header().Set("Cache-Control", "no-store")
	if p.tokenFault(w, r) {
		return nil
	}
	answer, refusal := p.tokenAnswer(w, r)
	if refusal != nil {
		p.cfg.Log.Debug("token request refused", "error", refusal.code)
		return refusal
	}
	if !p.answerFault(r, answer) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) tokenAnswer(w http.ResponseWriter, r *http.Request) (map[string]any, *oauthError) {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		return nil, refusal
	}
	grantType := form.Get("grant_type")
	p.count(func(s *Stats) { s.tokenRequest(grantType) })
	grants := map[string]func(tokenRequest) (map[string]any, *oauthError){
		grantCode: p.exchange, grantRefresh: p.refreshGrant, grantDevice: p.devicePoll, grantClient: p.clientGrant,
		grantExchange: p.exchangeGrant, grantAssertion: p.assertionGrant,
	}
	give := grants[grantType]
	switch {
	case grantType == "":
		return nil, missing("grant_type")
	case give == nil:
		return nil, badRequest("unsupported_grant_type", "unsupported grant_type requested")
	case !client.may(grantType):
		return nil, badRequest("invalid_request", "requested grant type is not allowed for this client")
	}
	key, refusal := p.possession(w, r, "") // before the grant: a bad proof spends nothing
	switch {
	case refusal != nil:
		return nil, refusal
	case key == "" && client.DPoPBound:
		return nil, badRequest("invalid_grant", "DPoP proof JWT not provided")
	}
	return give(tokenRequest{client: client, form: form, key: key})
}

// exchange spends a code (RFC 6749, section 4.1.3). A wrong verifier does not
// spend it; a second use ends everything the first one gave.
func (p *Provider) exchange(req tokenRequest) (map[string]any, *oauthError) {
	for _, name := range []string{"code", "redirect_uri"} {
		if req.form.Get(name) == "" {
			return nil, missing(name)
		}
	}
	verifier := req.form.Get("code_verifier")
	if req.form.Has("code_verifier") && len(verifier) < 43 {
		return nil, badRequest("invalid_request", "code_verifier must be a string with a minimum length of 43 characters")
	}
	g := p.spend(req, verifier)
	if g == nil {
		return nil, invalidGrant()
	}
	return p.issueFirst(g, req)
}

// spend makes a code into a grant, nil when there is something wrong with it. Another key
// than that of the authorization request spends it, as npm oidc-provider has it.
func (p *Provider) spend(req tokenRequest, verifier string) *grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.codes[req.form.Get("code")]
	switch {
	case c == nil || c.ended(time.Now()) || c.grant.client.ID != req.client.ID || c.grant.redirectURI != req.form.Get("redirect_uri") || !c.grant.verify(verifier):
		return nil
	case c.spent:
		if !c.grant.revoked {
			p.stats.ReuseDetections++
		}
		c.grant.revoked = true
		return nil
	}
	c.spent = true
	if key := c.grant.key; key != "" && key != req.key && !p.cfg.NoDPoP {
		return nil
	}
	return c.grant
}

// verify compares verifier and challenge (RFC 7636, section 4.6); without a
// challenge there must be no verifier.
func (req request) verify(verifier string) bool {
	if req.challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(challenge), []byte(req.challenge)) == 1
}

// refreshGrant spends a refresh token (RFC 6749, section 6).
func (p *Provider) refreshGrant(req tokenRequest) (map[string]any, *oauthError) {
	if req.form.Get("refresh_token") == "" {
		return nil, missing("refresh_token")
	}
	t, scopes, refusal := p.rotate(req)
	if refusal != nil {
		return nil, refusal
	}
	about := t.grant
	if subject := p.fault().RefreshSubject; subject != "" {
		other := *about
		other.user.Subject, about = subject, &other
	}
	answer, refusal := p.issueFor(about, scopes, req)
	if refusal != nil {
		return nil, refusal
	}
	life := in(p.cfg.RefreshTokenTTL)
	if g := t.grant; g.client.ApplicationType != "native" && g.client.AuthMethod == authNone {
		life = t.expiry // that of a web page's login is not extended
	}
	answer["refresh_token"] = p.store(p.refresh, t.grant, t.grant.scopes, t.key, life)
	return answer, nil
}

// rotate marks the token as used and returns it with the scopes asked for. One
// that was used longer ago than the leeway ends the whole grant: somebody else
// may hold the newer one. Who comes without the key that it is bound to changes nothing.
func (p *Provider) rotate(req tokenRequest) (*issuedToken, []string, *oauthError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	form, t := req.form, p.refresh[req.form.Get("refresh_token")]
	now := time.Now()
	if !t.goodFor(req.client, now) || t.key != "" && t.key != req.key {
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
				return nil, nil, badRequest("invalid_scope", "refresh token missing requested scope").naming(s)
			}
		}
	}
	if t.rotated.IsZero() {
		t.rotated = now
	}
	return t, scopes, nil
}

// clientGrant lets a client act for itself (RFC 6749, section 4.4). The token
// is a JWT for the resource, whose subject is the client, with those of the
// scopes asked for that the resource has. There is never a refresh token or an
// ID token. Logto wants a resource, or an organization.
func (p *Provider) clientGrant(req tokenRequest) (map[string]any, *oauthError) {
	asked := req.form["resource"]
	if len(asked) > 1 || len(asked) == 0 && !req.form.Has("organization_id") {
		return nil, invalidTarget()
	}
	g := &grant{request: request{client: req.client, resources: asked}, user: User{Subject: req.client.ID}}
	for _, scope := range strings.Fields(req.form.Get("scope")) {
		if scope != "openid" { // there is nobody to identify
			g.scopes = append(g.scopes, scope)
		}
	}
	answer, refusal := p.issueFor(g, g.scopes, req)
	if refusal == nil && answer["scope"] == "" {
		delete(answer, "scope") // unlike the answers about people
	}
	return answer, refusal
}
