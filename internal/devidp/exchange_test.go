package devidp_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
)

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

func exchanging(c *devidp.Config) {
	machines(c)
	c.TokenClaims = true
	c.Users = []devidp.User{{
		Subject: "a", Username: "alice", Name: "Alice Example", AccessTokens: []string{"pat_alice"}, Organizations: []string{"org1"},
		Lacks: []string{"mcp:write"}, TokenClaims: map[string]any{"team": map[string]any{"name": "blue"}},
	}}
	c.Clients = append(c.Clients, devidp.Client{ID: "exchanger", ApplicationType: "web", Secret: "s3cret", GrantTypes: []string{exchangeGrant}},
		devidp.Client{ID: "asker", ApplicationType: "web", Secret: "s3cret", GrantTypes: machineGrant, Management: true})
}

// exchanged turns alice's personal access token into an access token.
func (r *rig) exchanged(pairs ...string) answer {
	r.t.Helper()
	form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {"pat_alice"}, "subject_token_type": {"urn:logto:token-type:personal_access_token"}}
	return r.tokenAs(with(form, pairs...), "exchanger", "s3cret")
}

// RFC 8693, Logto's source: a personal access token becomes an access token of the
// person, for the resource, with those of the scopes asked for that the person has, and
// with what the console's script adds. It needs no scope for an organization.
func TestPersonalAccessToken(t *testing.T) {
	r := start(t, exchanging)
	a := r.exchanged("resource", resource, "scope", "openid mcp:read mcp:write offline_access", "organization_id", "org1")
	if members := slices.Sorted(maps.Keys(a.members())); a.status != 200 || !slices.Equal(members, []string{"access_token", "expires_in", "scope", "token_type"}) || a.text("scope") != "mcp:read" {
		t.Fatalf("status %d, members %v, scope %q", a.status, members, a.text("scope"))
	}
	claims := r.claims(a.text("access_token"))
	team, _ := claims["team"].(map[string]any)
	if claims["sub"] != "a" || claims["client_id"] != "exchanger" || claims["aud"] != resource || claims["organization_id"] != "org1" ||
		claims["username"] != "alice" || team["name"] != "blue" || claims["scope"] != "mcp:read" {
		t.Errorf("claims %v", claims)
	}
	a = r.exchanged("scope", "openid profile")
	if info := r.userinfo(a.text("access_token")); len(a.text("access_token")) != 43 || info.text("username") != "alice" {
		t.Errorf("without a resource: status %d, userinfo %d", a.status, info.status)
	}
	if n := r.idp.Stats().TokenRequests[exchangeGrant]; n != 2 {
		t.Errorf("%d counted", n)
	}
}

func TestPersonalAccessTokenRefusals(t *testing.T) {
	r := start(t, exchanging)
	r.exchanged("subject_token", "pat_other").wantError(400, "invalid_grant")
	r.exchanged("subject_token_type", "urn:ietf:params:oauth:token-type:access_token").wantError(400, "invalid_grant")
	r.exchanged("subject_token", "").wantError(400, "invalid_request")
	r.exchanged("subject_token_type", "").wantError(400, "invalid_request")
	r.exchanged("resource", resource+"/").wantError(400, "invalid_target")
	r.exchanged("organization_id", "org2").wantError(403, "access_denied")
	r.token("grant_type", exchangeGrant, "subject_token", "pat_alice", "subject_token_type", "urn:logto:token-type:personal_access_token").wantError(400, "invalid_request")
}

// asked asks the Management API about somebody.
func (r *rig) asked(method, subject, token string) answer {
	r.t.Helper()
	req := r.request(method, r.host()+"/api/users/"+subject, "")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return r.do(req)
}

// The Management API tells a client with its permission what is known of a user, and
// nobody else: not one without a role, and not with a token for another resource, or with one
// that is bound to a key, for it takes no proofs.
func TestManagementAPI(t *testing.T) {
	r := start(t, exchanging)
	machine := func(client, secret, resource string) string {
		return r.machine(url.Values{"resource": {resource}, "scope": {"all"}}, client, secret).text("access_token")
	}
	api := r.host() + "/api"
	good := machine("asker", "s3cret", api)
	if a := r.asked(http.MethodGet, "a", good); a.status != 200 || a.text("username") != "alice" || a.text("name") != "Alice Example" || a.members()["primaryEmail"] != nil || a.text("id") != "a" {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	bound := r.form(r.idp.Issuer()+"/token", url.Values{"grant_type": {"client_credentials"}, "resource": {api}, "scope": {"all"}})
	bound.SetBasicAuth("asker", "s3cret")
	bound.Header.Set(dpop.ProofHeader, r.proof(dpop.NewKey(), http.MethodPost, "/token", "", ""))
	for name, tt := range map[string]struct {
		method, subject, token string
		want                   int
	}{
		"no such user":  {http.MethodGet, "b", good, 404},
		"deleting":      {http.MethodDelete, "a", good, 404},
		"no token":      {http.MethodGet, "a", "", 401},
		"no role":       {http.MethodGet, "a", machine("m2m", "m2m s3cret", api), 403},
		"for a server":  {http.MethodGet, "a", machine("asker", "s3cret", resource), 401},
		"bound":         {http.MethodGet, "a", r.do(bound).text("access_token"), 401},
		"not a token":   {http.MethodGet, "a", "x", 401},
		"of the person": {http.MethodGet, "a", r.exchanged("resource", api, "scope", "all").text("access_token"), 403},
	} {
		if a := r.asked(tt.method, tt.subject, tt.token); a.status != tt.want {
			t.Errorf("%s: status %d, want %d", name, a.status, tt.want)
		}
	}
}
