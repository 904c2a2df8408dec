package devidp

import (
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// managementScope is the one permission of Logto's Management API. Here every client may
// have it in a token, and it counts for those with Client.Management.
const managementScope = "all"

// managementAPI is the resource that a token for the Management API names, as on Logto
// Cloud. A Logto of one's own always has https://default.logto.app/api.
func (p *Provider) managementAPI() string { return p.base.Scheme + "://" + p.base.Host + "/api" }

// user is GET /api/users/{id} of the Management API: what Logto knows of somebody.
func (p *Provider) user(w http.ResponseWriter, r *http.Request) {
	if other := p.fault().Endpoints[r.Method+" "+strings.TrimSuffix(pathUsers, "/")]; other != nil {
		other(w, r)
		return
	}
	refuse := func(status int, code string) {
		writeJSON(w, status, map[string]string{"code": code, "message": http.StatusText(status)})
	}
	token, refusal := accessToken(r, false)
	client, known := p.managementClient(token)
	user, there := p.cfg.subject(strings.TrimPrefix(r.URL.Path, pathUsers))
	switch {
	case refusal != nil || !known:
		refuse(http.StatusUnauthorized, "auth.unauthorized")
	case !client.Management:
		refuse(http.StatusForbidden, "auth.forbidden")
	case r.Method != http.MethodGet || !there:
		refuse(http.StatusNotFound, "entity.not_found")
	default:
		writeJSON(w, http.StatusOK, managedUser(user))
	}
}

// managementClient is the client that a token for the Management API, with its
// permission, was issued to for itself. It takes no proofs, and so no token that is bound.
func (p *Provider) managementClient(token string) (Client, bool) {
	var claims struct {
		jwt.RegisteredClaims
		Scope        string         `json:"scope"`
		Confirmation map[string]any `json:"cnf"`
	}
	_, err := jwt.ParseWithClaims(token, &claims, p.ownKey,
		jwt.WithValidMethods([]string{"ES384"}), jwt.WithIssuer(p.issuer), jwt.WithAudience(p.managementAPI()), jwt.WithExpirationRequired())
	p.mu.Lock()
	defer p.mu.Unlock()
	client := p.clients[claims.Subject]
	client.Management = client.Management && claims.Scope == managementScope
	return client, err == nil && claims.Confirmation == nil
}

// managedUser has the members that Logto documents for a user, null where unset.
func managedUser(u User) map[string]any {
	set := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return map[string]any{
		"id": u.Subject, "username": set(u.Username), "primaryEmail": set(u.Email), "primaryPhone": nil, "name": set(u.Name), "avatar": nil,
		"customData": map[string]any{}, "identities": map[string]any{}, "profile": map[string]any{}, "applicationId": nil,
		"isSuspended": false, "hasPassword": true, "lastSignInAt": updatedAt, "createdAt": createdAt, "updatedAt": updatedAt,
	}
}
