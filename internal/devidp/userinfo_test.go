package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
)

// Logto, RFC 6750 section 3: status, challenge and error of refusals of userinfo, beside
// those of the transcripts.
func TestUserinfoRefusals(t *testing.T) {
	r := start(t, nil)
	issue := func(req devidp.TokenRequest) string { return "Bearer " + r.issue(req) }
	revoked := issue(devidp.TokenRequest{Scopes: []string{"openid"}})
	r.idp.RevokeAccessTokens()
	invalid := `, error="invalid_token", error_description="invalid token provided"`
	badRequest := func(about string) string { return `, error="invalid_request", error_description="` + about + `"` }
	for name, c := range map[string]struct {
		query, header   string
		status          int
		code, challenge string
	}{
		"expired":      {"", issue(devidp.TokenRequest{Scopes: []string{"openid"}, TTL: -time.Second}), 401, "invalid_token", invalid},
		"revoked":      {"", revoked, 401, "invalid_token", invalid},
		"no openid":    {"", issue(devidp.TokenRequest{Scopes: []string{"profile"}}), 403, "insufficient_scope", `, error="insufficient_scope", error_description="access token missing openid scope", scope="openid"`},
		"empty":        {"", "Bearer ", 400, "invalid_request", badRequest("invalid authorization header value format")},
		"two words":    {"", "Bearer a b", 400, "invalid_request", badRequest("invalid authorization header value format")},
		"in the query": {"?access_token=abc", "", 400, "invalid_request", badRequest("access tokens must not be provided via query parameter")},
	} {
		req := r.request(http.MethodGet, r.idp.Issuer()+"/me"+c.query, "")
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		a := r.do(req)
		a.wantError(c.status, c.code)
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="`+r.idp.Issuer()+`"`+c.challenge {
			t.Errorf("%s: challenge %q", name, got)
		}
	}
}

// Logto: claims by scope, times in milliseconds, null for an email address and
// a phone number that are not set, absence of profile claims that are not.
func TestUserinfoHasTheClaimsOfItsScopes(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Users = []devidp.User{
			{Subject: "a", Username: "alice", Name: "Alice Example", Email: "alice@example.test", Claims: map[string]any{
				"custom_data": map[string]any{"team": "blue"}, "roles": []string{"mcp-user"}, "phone_number": "+4912", "shoe_size": 38, "sub": "forged",
			}},
			{Subject: "b", Username: "bare"},
		}
	})
	for name, c := range map[string]struct{ user, scope, want string }{
		"openid":      {"alice", "openid", `{"sub":"a"}`},
		"profile":     {"alice", "openid profile", `{"created_at":1795384461518,"name":"Alice Example","preferred_username":"alice","shoe_size":38,"sub":"a","updated_at":1795384501766,"username":"alice"}`},
		"email":       {"alice", "openid email", `{"email":"alice@example.test","email_verified":true,"sub":"a"}`},
		"phone":       {"alice", "openid phone", `{"phone_number":"+4912","phone_number_verified":false,"sub":"a"}`},
		"more":        {"alice", "openid custom_data identities roles", `{"custom_data":{"team":"blue"},"identities":{},"roles":["mcp-user"],"sso_identities":[],"sub":"a"}`},
		"orgs":        {"alice", "openid urn:logto:scope:organizations urn:logto:scope:organization_roles urn:logto:scope:sessions", `{"organization_data":[],"organization_roles":[],"organizations":[],"sub":"a"}`},
		"bare":        {"bare", "openid profile", `{"created_at":1795384461518,"preferred_username":"bare","sub":"b","updated_at":1795384501766,"username":"bare"}`},
		"bare, nulls": {"bare", "openid email phone address", `{"email":null,"email_verified":false,"phone_number":null,"phone_number_verified":false,"sub":"b"}`},
	} {
		code := r.signIn(params("scope", c.scope), c.user).Get("code")
		a := r.userinfo(r.exchange(code).text("access_token"))
		if a.status != 200 || a.body != c.want {
			t.Errorf("%s: status %d\n got %s\nwant %s", name, a.status, a.body, c.want)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", name, a.header.Get("Cache-Control"))
		}
	}
}

// Userinfo takes POST as well.
func TestUserinfoTakesPOST(t *testing.T) {
	r := start(t, nil)
	token := r.issue(devidp.TokenRequest{Username: "bob", Scopes: []string{"openid"}})
	if a := r.post(r.idp.Issuer()+"/me", url.Values{}, "Authorization", "bearer "+token); a.status != 200 || a.text("sub") != "bob000000001" {
		t.Errorf("status %d, sub %q", a.status, a.text("sub"))
	}
}

// IssueToken makes what a login would have, with the life asked for.
func TestIssuedTokensAreAsOfALogin(t *testing.T) {
	r := start(t, nil)
	token := r.issue(devidp.TokenRequest{Username: "bob", ClientID: "c", Resource: "http://anything/", Scopes: []string{"x", "y"}})
	if sub := r.claims(token)["sub"]; sub != "bob000000001" {
		t.Errorf("sub %q", sub)
	}
	ended := r.issue(devidp.TokenRequest{Resource: "http://anything/", TTL: -time.Minute})
	if _, err := r.parse(ended); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("ended token: %v", err)
	}
	if _, err := r.idp.IssueToken(devidp.TokenRequest{Username: "carol"}); err == nil {
		t.Error("a token for nobody")
	}
}
