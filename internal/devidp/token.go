package devidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// accessToken is an opaque one; a JWT needs no table.
type accessToken struct {
	grant   *grant
	scopes  []string
	expires time.Time
}

func (t *accessToken) ended(now time.Time) bool { return now.After(t.expires) || t.grant.revoked }

// refreshToken of a grant.
type refreshToken struct {
	grant   *grant
	expires time.Time
	rotated time.Time // zero until it was used
}

func (t *refreshToken) ended(now time.Time) bool { return now.After(t.expires) || t.grant.revoked }

// token is the token endpoint (RFC 6749, section 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if p.tokenFault(w, r) {
		return
	}
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	var answer map[string]any
	switch form.Get("grant_type") {
	case "authorization_code":
		answer, refusal = p.exchange(client, form)
	case "refresh_token":
		answer, refusal = p.refreshGrant(client, form)
	case "":
		refusal = badRequest("invalid_request", "missing required parameter 'grant_type'")
	default:
		refusal = badRequest("unsupported_grant_type", "unsupported grant_type requested")
	}
	if refusal != nil {
		p.cfg.Log.Debug("token request refused", "error", refusal.code)
		refusal.write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// tokenFault acts out the faults of the token endpoint.
func (p *Provider) tokenFault(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	f := p.faults
	if f.TokenStatus != 0 && f.TokenStatusTimes > 0 {
		p.faults.TokenStatusTimes--
	}
	p.mu.Unlock()
	if f.TokenDelay > 0 {
		timer := time.NewTimer(f.TokenDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return true
		}
	}
	switch {
	case f.TokenStatus != 0 && f.TokenStatusTimes > 0:
		if f.TokenRetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.TokenRetryAfter))
		}
		w.WriteHeader(f.TokenStatus)
	case f.TokenRedirect != "":
		http.Redirect(w, r, f.TokenRedirect, http.StatusTemporaryRedirect)
	default:
		return false
	}
	return true
}

// authenticate reads the form and identifies the client (RFC 6749, section
// 2.3). Unlike the RFC, and like Logto, an unknown client is a 400.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request) (Client, url.Values, *oauthError) {
	if err := r.ParseForm(); err != nil {
		return Client{}, nil, badRequest("invalid_request", "the form cannot be read")
	}
	form := r.PostForm
	for name, values := range form {
		if len(values) > 1 && name != "resource" {
			return Client{}, nil, badRequest("invalid_request", "'"+name+"' parameter must not be provided twice")
		}
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	user, password, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	if id == "" {
		return Client{}, nil, badRequest("invalid_request", "no client authentication mechanism provided")
	}
	p.mu.Lock()
	client, known := p.clients[id]
	p.mu.Unlock()
	if !known {
		return Client{}, nil, badRequest("invalid_client", "client is invalid")
	}
	right := subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) == 1
	if client.AuthMethod == "none" && !basic || client.Secret != "" && right {
		return client, form, nil
	}
	if basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+p.issuer+`", error="invalid_client", error_description="client authentication failed"`)
	}
	return Client{}, nil, &oauthError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
}

// exchange spends a code (RFC 6749, section 4.1.3). A wrong verifier does not
// spend it; a second use ends everything the first one gave.
func (p *Provider) exchange(client Client, form url.Values) (map[string]any, *oauthError) {
	verifier := form.Get("code_verifier")
	if form.Has("code_verifier") && len(verifier) < 43 {
		return nil, badRequest("invalid_request", "code_verifier must be a string with a minimum length of 43 characters")
	}
	p.mu.Lock()
	p.stats.CodeExchanges++
	c := p.codes[form.Get("code")]
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case c == nil || c.ended(time.Now()) || c.req.client.ID != client.ID || c.req.redirectURI != form.Get("redirect_uri"),
		subtle.ConstantTimeCompare([]byte(challenge), []byte(c.req.challenge)) != 1:
		p.mu.Unlock()
		return nil, invalidGrant()
	case c.grant != nil:
		c.grant.revoked = true
		p.mu.Unlock()
		return nil, invalidGrant()
	}
	c.grant = &grant{clientID: client.ID, user: c.user, scopes: c.req.scopes, resources: c.req.resources, nonce: c.req.nonce}
	g := c.grant
	p.mu.Unlock()
	// Like Logto the resource is judged after the code is spent.
	if refusal := p.checkResource(g, form); refusal != nil {
		return nil, refusal
	}
	return p.issue(g, g.scopes, form.Get("resource"), nil)
}

// checkResource wants one resource that the login was for (RFC 8707).
func (p *Provider) checkResource(g *grant, form url.Values) *oauthError {
	asked := form["resource"]
	if len(asked) == 0 {
		return nil
	}
	p.mu.Lock()
	_, known := p.resources[asked[0]]
	p.mu.Unlock()
	if len(asked) > 1 || !known || !slices.Contains(g.resources, asked[0]) {
		return invalidTarget()
	}
	return nil
}

// refreshGrant spends a refresh token (RFC 6749, section 6).
func (p *Provider) refreshGrant(client Client, form url.Values) (map[string]any, *oauthError) {
	p.mu.Lock()
	p.stats.Refreshes++
	t := p.refresh[form.Get("refresh_token")]
	now := time.Now()
	if t == nil || t.grant.clientID != client.ID || t.ended(now) {
		p.mu.Unlock()
		return nil, invalidGrant()
	}
	if !t.rotated.IsZero() && now.Sub(t.rotated) > p.cfg.ReuseLeeway {
		t.grant.revoked = true // somebody else may hold the newer one
		p.stats.ReuseDetections++
		p.mu.Unlock()
		return nil, invalidGrant()
	}
	scopes := t.grant.scopes
	if form.Has("scope") {
		asked := strings.Fields(form.Get("scope"))
		if kept := only(asked, scopes); len(kept) != len(asked) {
			p.mu.Unlock()
			return nil, badRequest("invalid_scope", "refresh token missing requested scope")
		}
		scopes = asked
	}
	rotate := !p.faults.NoRotation
	if rotate && t.rotated.IsZero() {
		t.rotated = now
	}
	p.mu.Unlock()
	if !rotate {
		if refusal := p.checkResource(t.grant, form); refusal != nil {
			return nil, refusal
		}
		return p.issue(t.grant, scopes, form.Get("resource"), &keep{form.Get("refresh_token")})
	}
	// Like Logto the resource is judged after the token is spent.
	if refusal := p.checkResource(t.grant, form); refusal != nil {
		return nil, refusal
	}
	return p.issue(t.grant, scopes, form.Get("resource"), nil)
}

// keep is a refresh token that is not rotated.
type keep struct{ token string }
