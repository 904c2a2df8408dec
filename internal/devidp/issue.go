package devidp

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessToken is an opaque one; a JWT needs no table.
type accessToken struct {
	grant           *grant
	scopes          []string
	issued, expires time.Time
}

func (t *accessToken) ended(now time.Time) bool { return now.After(t.expires) || t.grant.revoked }

// issueFirst makes the first answer for a grant, with a refresh token when the
// grant has them.
func (p *Provider) issueFirst(g *grant, form url.Values) (map[string]any, *oauthError) {
	answer, refusal := p.issueFor(g, g.scopes, form)
	if refusal == nil && g.refreshable() {
		answer["refresh_token"] = p.newRefreshToken(g, time.Now().Add(p.cfg.RefreshTokenTTL))
	}
	return answer, refusal
}

// issue makes the answer of the token endpoint (RFC 6749, section 5.1). With a
// resource the access token is a JWT for it and the answer names the resource's
// scopes only, even when that is none; without one it is opaque and good for
// userinfo.
func (p *Provider) issue(g *grant, scopes []string, resource, organization string) (map[string]any, *oauthError) {
	life := p.accessTokenTTL()
	answer := map[string]any{"token_type": "Bearer", "expires_in": int(max(life.Seconds(), 1))}
	granted := only(scopes, oidcScopes())
	var err error
	if resource != "" {
		granted = p.resourceScopes(resource, scopes)
		answer["access_token"], err = p.resourceToken(g, resource, organization, granted, life)
	} else if organization != "" {
		granted = nil
		answer["access_token"], err = p.resourceToken(g, organizationAudience+organization, "", granted, life)
	} else {
		answer["access_token"] = p.opaqueToken(g, granted, life)
	}
	answer["scope"] = strings.Join(granted, " ")
	if err == nil && slices.Contains(scopes, "openid") {
		answer["id_token"], err = p.idToken(g, scopes)
	}
	if err != nil {
		return nil, &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "cannot sign"}
	}
	return answer, nil
}

func (p *Provider) resourceScopes(resource string, scopes []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return only(scopes, p.resources[resource].Scopes)
}

// resourceToken is a JWT access token (RFC 9068) as Logto makes it.
func (p *Provider) resourceToken(g *grant, audience, organization string, scopes []string, life time.Duration) (string, error) {
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
	if p.cfg.TokenClaims && g.user.Username != "" {
		claims["username"], claims["name"], claims["email"] = g.user.Username, g.user.Name, g.user.Email
	}
	return p.sign("at+jwt", claims)
}

// seconds rounds up: a token of less than a second is good for the rest of it.
func seconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

func (p *Provider) opaqueToken(g *grant, scopes []string, life time.Duration) string {
	value := randomText(32)
	p.mu.Lock()
	defer p.mu.Unlock()
	makeRoom(p.access, maxEntries)
	p.access[value] = &accessToken{grant: g, scopes: scopes, issued: time.Now(), expires: time.Now().Add(life)}
	return value
}

func (p *Provider) newRefreshToken(g *grant, expires time.Time) string {
	value := randomText(32)
	p.mu.Lock()
	defer p.mu.Unlock()
	makeRoom(p.refresh, maxEntries)
	p.refresh[value] = &refreshToken{grant: g, issued: time.Now(), expires: expires}
	return value
}

// idToken is for the client (OpenID Connect Core, section 2), without typ,
// at_hash and azp, as Logto's.
func (p *Provider) idToken(g *grant, scopes []string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims(idTokenClaims(g.user, scopes))
	maps.Copy(claims, jwt.MapClaims{"iss": p.issuer, "aud": g.client.ID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
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
	// TTL is the lifetime, the configured one when zero; negative has ended.
	TTL time.Duration
}

// IssueToken makes an access token without a browser, for tests of servers. It
// fails when there is no such user. The resource and the scopes need not exist.
func (p *Provider) IssueToken(r TokenRequest) (string, error) {
	if r.Username == "" {
		r.Username = p.cfg.Users[0].Username
	}
	user, known := p.cfg.user(r.Username)
	if !known {
		return "", fmt.Errorf("issue a token: no user %q", r.Username)
	}
	if r.TTL == 0 {
		r.TTL = p.accessTokenTTL()
	}
	g := &grant{client: Client{ID: r.ClientID}, user: user, scopes: r.Scopes}
	if r.Resource != "" {
		return p.resourceToken(g, r.Resource, "", r.Scopes, r.TTL)
	}
	return p.opaqueToken(g, r.Scopes, r.TTL), nil
}
