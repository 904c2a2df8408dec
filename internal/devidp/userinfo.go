package devidp

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/dpop"
)

// userinfo answers with the claims of an opaque access token (OpenID Connect
// Core, section 5.3), and refuses as Logto does, JWTs among the refused.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) *oauthError {
	w.Header().Set("Cache-Control", "no-store")
	token, refusal := accessToken(r, !p.cfg.NoDPoP)
	p.mu.Lock()
	p.stats.Userinfo++
	t := p.access[token]
	alive := t != nil && !t.ended(time.Now()) && t.grant.user.Username != "" // not a client's own
	p.mu.Unlock()
	key := ""
	if refusal == nil && alive { // a proof is remembered: not for what a stranger made up
		if key, refusal = p.possession(w, r, token); refusal != nil {
			refusal.status = http.StatusUnauthorized
		}
	}
	switch {
	case refusal != nil:
	case !alive:
		refusal = &oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: "invalid token provided"}
	case !slices.Contains(t.scopes, "openid"):
		refusal = (&oauthError{status: http.StatusForbidden, code: "insufficient_scope", description: "access token missing openid scope"}).naming("openid")
	case t.key != key:
		refusal = &oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: "the token is bound to another key, or to none"}
	default:
		return writeJSON(w, http.StatusOK, userClaims(t.grant.user, t.scopes))
	}
	scheme := "Bearer"
	if !p.cfg.NoDPoP && (r.Header.Get(dpop.ProofHeader) != "" || alive && t.key != "" || strings.Contains(refusal.description, "DPoP")) {
		scheme = dpop.Scheme
	}
	w.Header().Set("WWW-Authenticate", p.challenge(scheme, refusal))
	if refusal.description == noToken && !p.cfg.NoDPoP {
		w.Header().Add("WWW-Authenticate", p.challenge(dpop.Scheme, refusal))
	}
	return refusal
}

const noToken = "no access token provided"

// accessToken reads the token from the header, and from nowhere else (RFC 6750). Where proofs
// of possession are taken, one must come with the scheme DPoP and with no other.
func accessToken(r *http.Request, proofs bool) (string, *oauthError) {
	if r.URL.Query().Has("access_token") {
		return "", badRequest("invalid_request", "access tokens must not be provided via query parameter")
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", &oauthError{status: http.StatusUnauthorized, code: "invalid_token", description: noToken}
	}
	scheme, token, _ := strings.Cut(header, " ")
	bound, proof := strings.EqualFold(scheme, dpop.Scheme), r.Header.Get(dpop.ProofHeader) != ""
	switch {
	case proofs && proof && !bound:
		return "", badRequest("invalid_request", "authorization header scheme must be `DPoP` when DPoP is used")
	case proofs && bound && !proof:
		return "", badRequest("invalid_request", "`DPoP` header not provided")
	case proofs && bound:
	case !strings.EqualFold(scheme, "bearer"):
		return "", badRequest("invalid_request", "authorization header scheme must be `Bearer`")
	}
	if token == "" || strings.Contains(token, " ") {
		return "", badRequest("invalid_request", "invalid authorization header value format")
	}
	return token, nil
}

// challenge is WWW-Authenticate; without a token it names no error.
func (p *Provider) challenge(scheme string, e *oauthError) string {
	value := scheme + ` realm="` + p.issuer + `"`
	if e.description != noToken {
		value += `, error="` + e.code + `", error_description="` + e.description + `"`
	}
	if scope := e.members["scope"]; scope != "" {
		value += `, scope="` + scope + `"`
	}
	if scheme == dpop.Scheme { // RFC 9449, section 7.1
		value += `, algs="` + strings.Join(dpop.Algorithms(), " ") + `"`
	}
	return value
}

// Logto keeps times in milliseconds, against the letter of OpenID Connect Core,
// section 5.1. These are the same for everybody, so that answers can be
// compared.
const (
	updatedAt = int64(1795384501766)
	createdAt = int64(1795384461518)
)

// scopeClaims lists the claims of a scope (OpenID Connect Core, section 5.4,
// and Logto's own).
func scopeClaims(scope string) []string {
	switch scope {
	case "profile":
		return []string{
			"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
			"gender", "birthdate", "zoneinfo", "locale", "updated_at", "username", "created_at",
		}
	case "email":
		return []string{"email", "email_verified"}
	case "phone":
		return []string{"phone_number", "phone_number_verified"}
	case "address":
		return []string{"address"}
	case "custom_data":
		return []string{"custom_data"}
	case "identities":
		return []string{"identities", "sso_identities"}
	case "roles":
		return []string{"roles"}
	case "urn:logto:scope:organizations":
		return []string{"organizations", "organization_data"}
	case "urn:logto:scope:organization_roles":
		return []string{"organization_roles"}
	}
	return nil
}

func claimsSupported() []string {
	list := []string{"sub"}
	for _, scope := range oidcScopes() {
		list = append(list, scopeClaims(scope)...)
	}
	return append(list, "iss")
}

// allClaims is everything known of a user. Profile claims that are not set are
// absent, an email address or phone number is null: Logto is so.
func allClaims(u User) map[string]any {
	claims := map[string]any{
		"username": u.Username, "preferred_username": u.Username, "updated_at": updatedAt, "created_at": createdAt,
		"email": nil, "email_verified": false, "phone_number": nil, "phone_number_verified": false,
		"custom_data": map[string]any{}, "identities": map[string]any{}, "sso_identities": []string{}, "roles": []string{},
		"organizations": []string{}, "organization_data": []string{}, "organization_roles": []string{},
	}
	if len(u.Organizations) > 0 {
		claims["organizations"] = u.Organizations
	}
	if u.Name != "" {
		claims["name"] = u.Name
	}
	if u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, true
	}
	maps.Copy(claims, u.Claims)
	return claims
}

// userClaims selects by scope for userinfo. What the configuration adds and no
// scope knows comes with profile.
func userClaims(u User, scopes []string) map[string]any {
	supported := claimsSupported()
	claims := allClaims(u)
	maps.DeleteFunc(claims, func(name string, _ any) bool {
		if !slices.Contains(supported, name) {
			return !slices.Contains(scopes, "profile")
		}
		return !slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(scopeClaims(scope), name) })
	})
	claims["sub"] = u.Subject
	return claims
}

// idTokenClaims is userClaims without the ones Logto leaves out of ID tokens.
func idTokenClaims(u User, scopes []string) map[string]any {
	claims := userClaims(u, scopes)
	for _, name := range []string{"custom_data", "identities", "sso_identities", "organization_data"} {
		delete(claims, name)
	}
	return claims
}
