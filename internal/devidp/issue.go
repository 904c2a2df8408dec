package devidp

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// organizationAudience begins the audience of a token for an organization alone.
	organizationAudience = "urn:logto:organization:"
	// scopeOrganizations is what a login must have to get one.
	scopeOrganizations = "urn:logto:scope:organizations"
)

// issuedToken is an opaque access token or a refresh token.
type issuedToken struct {
	expiry
	grant   *grant
	scopes  []string
	key     string // the thumbprint of the one that it is bound to, "" for none
	issued  time.Time
	rotated time.Time // of a refresh token: zero until it was used
}

func (t *issuedToken) ended(now time.Time) bool { return t.expiry.ended(now) || t.grant.revoked }

// goodFor reports whether there is such a token, it has not ended, and is the client's.
func (t *issuedToken) goodFor(client Client, now time.Time) bool {
	return t != nil && !t.ended(now) && t.grant.client.ID == client.ID
}

// store makes a token and keeps it in the table.
func (p *Provider) store(table map[string]*issuedToken, g *grant, scopes []string, key string, life expiry) string {
	value := randomText(32)
	p.mu.Lock()
	defer p.mu.Unlock()
	makeRoom(table, maxEntries)
	table[value] = &issuedToken{grant: g, scopes: scopes, key: key, issued: time.Now(), expiry: life}
	return value
}

// issueFirst makes the first answer for a grant, with a refresh token when the
// grant has them. That of a public client is bound to its key; another client proves who
// it is anyway (RFC 9449, section 5).
func (p *Provider) issueFirst(g *grant, req tokenRequest) (map[string]any, *oauthError) {
	answer, refusal := p.issueFor(g, g.scopes, req)
	if refusal == nil && g.refreshable() {
		key := req.key
		if g.client.AuthMethod != authNone {
			key = ""
		}
		answer["refresh_token"] = p.store(p.refresh, g, g.scopes, key, in(p.cfg.RefreshTokenTTL))
	}
	return answer, refusal
}

// issueFor is issue for the resource and the organization that a token request names.
// The resource must be one that the login was for (RFC 8707, section 2.2); like Logto it
// is judged after the code or refresh token is spent, and of several none counts (its
// defaultResource decides, and there is no default API). At the authorization endpoint
// organization_id has no effect, as in Logto. With a resource it becomes a claim; without
// one the token is for the organization.
func (p *Provider) issueFor(g *grant, scopes []string, req tokenRequest) (map[string]any, *oauthError) {
	resource := ""
	if asked := req.form["resource"]; len(asked) == 1 {
		resource = asked[0]
	}
	p.mu.Lock()
	_, known := p.resources[resource]
	p.mu.Unlock()
	organization, person := req.form.Get("organization_id"), g.user.Username != ""
	switch {
	case resource != "" && (!known || !slices.Contains(g.resources, resource)):
		return nil, invalidTarget()
	case organization == "":
	case person && !slices.Contains(g.scopes, scopeOrganizations):
		return nil, (&oauthError{status: http.StatusForbidden, code: "insufficient_scope", description: "refresh token missing required scope"}).naming(scopeOrganizations)
	case person && !slices.Contains(g.user.Organizations, organization), !person && !slices.Contains(g.client.Organizations, organization):
		return nil, &oauthError{status: http.StatusForbidden, code: "access_denied", description: "user is not a member of the organization"}
	}
	return p.issue(g, scopes, req.key, resource, organization)
}

// issue makes the answer of the token endpoint (RFC 6749, section 5.1). With a
// resource the access token is a JWT for it and the answer names the resource's
// scopes only, even when that is none; without one it is opaque and good for
// userinfo.
func (p *Provider) issue(g *grant, scopes []string, key, resource, organization string) (map[string]any, *oauthError) {
	life := p.accessTokenTTL()
	answer := map[string]any{"token_type": tokenType(key), "expires_in": int(max(life.Seconds(), 1))}
	granted := only(scopes, oidcScopes())
	var err error
	if resource != "" {
		granted = p.resourceScopes(resource, scopes)
		answer["access_token"], err = p.resourceToken(g, key, resource, organization, granted, life)
	} else if organization != "" {
		granted = nil
		answer["access_token"], err = p.resourceToken(g, key, organizationAudience+organization, "", granted, life)
	} else {
		answer["access_token"] = p.store(p.access, g, granted, key, in(life))
	}
	answer["scope"] = strings.Join(granted, " ")
	if err == nil && slices.Contains(scopes, "openid") {
		answer["id_token"], err = p.idToken(g, scopes)
	}
	if err != nil {
		return nil, cannotSign()
	}
	return answer, nil
}

func cannotSign() *oauthError {
	return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "cannot sign"}
}

func (p *Provider) resourceScopes(resource string, scopes []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return only(scopes, p.resources[resource].Scopes)
}

// resourceToken is a JWT access token (RFC 9068) as Logto makes it.
func (p *Provider) resourceToken(g *grant, key, audience, organization string, scopes []string, life time.Duration) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims{
		"jti": randomText(16), "sub": g.user.Subject, "iss": p.issuer, "aud": audience, "client_id": g.client.ID,
		"iat": now.Unix(), "exp": seconds(now.Add(life)),
	}
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	if organization != "" {
		claims["organization_id"] = organization
	}
	bind(claims, key)
	maps.Copy(claims, g.user.TokenClaims)
	if p.cfg.TokenClaims && g.user.Username != "" {
		claims["username"], claims["name"], claims["email"] = g.user.Username, g.user.Name, g.user.Email
	}
	return p.sign("at+jwt", claims)
}

// seconds rounds up: a token of less than a second is good for the rest of it.
func seconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

// idToken is for the client (OpenID Connect Core, section 2), without typ,
// at_hash and azp, as Logto's.
func (p *Provider) idToken(g *grant, scopes []string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims(idTokenClaims(g.user, scopes))
	maps.Copy(claims, jwt.MapClaims{"iss": p.issuer, "aud": g.client.ID, "iat": now.Unix(), "exp": seconds(now.Add(cmp.Or(p.fault().IDTokenTTL, time.Hour)))})
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return p.sign("", claims)
}

// TokenRequest says which access token IssueToken makes.
type TokenRequest struct {
	// Username of one of the users; "" takes the first.
	Username string
	// ClientID the token names; it need not exist.
	ClientID string
	// Resource makes the token a JWT for it; "" makes an opaque one.
	Resource string
	Scopes   []string
	// Thumbprint is of the key that the token is bound to (RFC 9449); "" for none.
	Thumbprint string
	// TTL is the lifetime, the configured one when zero; negative has ended.
	TTL time.Duration
}

// IssueToken makes an access token without a browser, for tests of servers. It
// fails when there is no such user. The resource and the scopes need not exist.
func (p *Provider) IssueToken(r TokenRequest) (string, error) {
	r.Username = cmp.Or(r.Username, p.cfg.Users[0].Username)
	user, known := p.cfg.user(r.Username)
	if !known {
		return "", fmt.Errorf("issue a token: no user %q", r.Username)
	}
	r.TTL = cmp.Or(r.TTL, p.accessTokenTTL())
	g := &grant{request: request{client: Client{ID: r.ClientID}, scopes: r.Scopes}, user: user}
	if r.Resource != "" {
		return p.resourceToken(g, r.Thumbprint, r.Resource, "", r.Scopes, r.TTL)
	}
	return p.store(p.access, g, r.Scopes, r.Thumbprint, in(r.TTL)), nil
}
