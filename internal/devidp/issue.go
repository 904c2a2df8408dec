package devidp

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issue makes the answer of the token endpoint. With a resource the access
// token is a JWT for it and the answer names the resource's scopes only, even
// when that is none; without one it is opaque and good for userinfo.
func (p *Provider) issue(g *grant, scopes []string, resource string, kept *keep) (map[string]any, *oauthError) {
	answer := map[string]any{"token_type": "Bearer", "expires_in": int(max(p.cfg.AccessTokenTTL.Seconds(), 1))}
	var err error
	if resource != "" {
		granted := p.resourceScopes(resource, scopes)
		answer["access_token"], err = p.resourceToken(g, resource, granted, p.cfg.AccessTokenTTL)
		answer["scope"] = strings.Join(granted, " ")
	} else {
		granted := only(scopes, oidcScopes)
		answer["access_token"] = p.opaqueToken(g, granted, p.cfg.AccessTokenTTL)
		answer["scope"] = strings.Join(granted, " ")
	}
	if err == nil && slices.Contains(scopes, "openid") {
		answer["id_token"], err = p.idToken(g, scopes)
	}
	if err != nil {
		return nil, &oauthError{http.StatusInternalServerError, "server_error", "cannot sign"}
	}
	if slices.Contains(g.scopes, "offline_access") {
		if kept != nil {
			answer["refresh_token"] = kept.token
		} else {
			answer["refresh_token"] = p.refreshTokenFor(g)
		}
	}
	return answer, nil
}

func (p *Provider) resourceScopes(resource string, scopes []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return only(scopes, p.resources[resource].Scopes)
}

// resourceToken is a JWT access token (RFC 9068) as Logto makes it.
func (p *Provider) resourceToken(g *grant, audience string, scopes []string, life time.Duration) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims{
		"jti": randomText(16), "sub": g.user.Subject, "iss": p.issuer, "aud": audience, "client_id": g.clientID,
		"iat": now.Unix(), "exp": seconds(now.Add(life)),
	}
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	if p.cfg.TokenClaims {
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
	room(p.access)
	p.access[value] = &accessToken{grant: g, scopes: scopes, expires: time.Now().Add(life)}
	return value
}

func (p *Provider) refreshTokenFor(g *grant) string {
	value := randomText(32)
	p.mu.Lock()
	defer p.mu.Unlock()
	room(p.refresh)
	p.refresh[value] = &refreshToken{grant: g, expires: time.Now().Add(p.cfg.RefreshTokenTTL)}
	return value
}

// idToken is for the client (OpenID Connect Core, section 2), without typ,
// at_hash and azp, as Logto's.
func (p *Provider) idToken(g *grant, scopes []string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims(userClaims(g.user, scopes))
	maps.Copy(claims, jwt.MapClaims{"iss": p.issuer, "aud": g.clientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return p.sign("", claims)
}

// userClaims selects by scope. updated_at and created_at are milliseconds and
// what is not set is null, against the letter of OpenID Connect: Logto is so.
func userClaims(u User, scopes []string) map[string]any {
	claims := map[string]any{"sub": u.Subject}
	if slices.Contains(scopes, "profile") {
		maps.Copy(claims, map[string]any{
			"name": u.Name, "username": u.Username, "preferred_username": u.Username, "picture": nil,
			"updated_at": int64(1795384501766), "created_at": int64(1795384461518),
		})
		maps.Copy(claims, u.Claims)
	}
	if slices.Contains(scopes, "email") {
		claims["email"], claims["email_verified"] = u.Email, u.Email != ""
	}
	return claims
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

// IssueToken makes an access token without a browser, for tests of servers.
func (p *Provider) IssueToken(r TokenRequest) (string, error) {
	user := p.cfg.Users[0]
	for _, u := range p.cfg.Users {
		if u.Username == r.Username {
			user = u
		}
	}
	if r.TTL == 0 {
		r.TTL = p.cfg.AccessTokenTTL
	}
	g := &grant{clientID: r.ClientID, user: user, scopes: r.Scopes}
	if r.Resource != "" {
		return p.resourceToken(g, r.Resource, r.Scopes, r.TTL)
	}
	return p.opaqueToken(g, r.Scopes, r.TTL), nil
}
