package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
)

const (
	logtoServer   = "http://127.0.0.1:3001/mcp" // is not listened on
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// logtoTenant is devidp as the page about Logto has it, for a server at logtoServer:
// alice is in two organizations and may call whoami_details, bob is in none and may not.
func logtoTenant(t *testing.T) *devidp.Server {
	t.Helper()
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		Users: []devidp.User{
			{
				Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test", AccessTokens: []string{"pat_alice"}, Organizations: []string{"org1", "org2"},
				TokenClaims: map[string]any{"team": map[string]any{"name": "blue", "ids": []int{1, 2}}},
			},
			{Subject: "bob000000001", Username: "bob", AccessTokens: []string{"pat_bob"}, Lacks: []string{"whoami:details"}},
		},
		Clients: []devidp.Client{
			{ID: "app", ApplicationType: "web", Secret: "s3cret-app", GrantTypes: []string{exchangeGrant, "client_credentials"}, Organizations: []string{"org1"}},
			{ID: "reader", ApplicationType: "web", Secret: "s3cret-reader", GrantTypes: []string{"client_credentials"}, Management: true},
		},
		Resources: []devidp.Resource{{Indicator: logtoServer, Scopes: []string{"whoami:details"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	return idp
}

// tokenOf asks for a token with the personal access token of somebody, or as the machine
// itself, for the server unless pairs say otherwise.
func tokenOf(t *testing.T, idp *devidp.Server, who string, pairs ...string) string {
	t.Helper()
	form := url.Values{"client_id": {"app"}, "client_secret": {"s3cret-app"}, "grant_type": {"client_credentials"}, "resource": {logtoServer}}
	if who != "" {
		form.Set("grant_type", exchangeGrant)
		form.Set("subject_token", "pat_"+who)
		form.Set("subject_token_type", "urn:logto:token-type:personal_access_token")
	}
	for k := 0; k < len(pairs); k += 2 {
		if form.Set(pairs[k], pairs[k+1]); pairs[k+1] == "" {
			form.Del(pairs[k])
		}
	}
	resp, body := send(t, "POST", idp.Issuer()+"/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %s", resp.StatusCode, body)
	}
	return answer.Token
}

// startLogto starts whoami-server by --logto.
func startLogto(t *testing.T, idp *devidp.Server, args ...string) *program {
	t.Helper()
	return start(t, append([]string{"--logto", strings.TrimSuffix(idp.Issuer(), "/oidc"), "--resource", logtoServer, "--listen", "127.0.0.1:0", "--details-scope", "whoami:details"}, args...)...)
}

// claims calls whoami, and returns the answer's claims.
func (p *program) claims(t *testing.T, token string) map[string]any {
	t.Helper()
	resp, body := p.call(t, token, "whoami")
	var answer struct {
		Result struct {
			Claims map[string]any `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %s", resp.StatusCode, body)
	}
	return answer.Result.Claims
}

func (p *program) call(t *testing.T, token, tool string) (*http.Response, string) {
	t.Helper()
	return send(t, "POST", "http://"+p.address+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":{}}}`,
		"Authorization", "Bearer "+token, "Content-Type", "application/json")
}

// Logto's tokens at the door: what was issued for this server is let in, whoever it was
// issued to and however; a role gives the tool's permission, or 403 names it.
func TestLogtoTokens(t *testing.T) {
	idp := logtoTenant(t)
	p := startLogto(t, idp)
	for name, tt := range map[string]struct {
		token, tool string
		want        int
	}{
		"a person's":              {tokenOf(t, idp, "alice"), "whoami", 200},
		"with the permission":     {tokenOf(t, idp, "alice", "scope", "whoami:details"), "whoami_details", 200},
		"not asked for it":        {tokenOf(t, idp, "alice"), "whoami_details", 403},
		"no role gives it":        {tokenOf(t, idp, "bob", "scope", "whoami:details"), "whoami_details", 403},
		"a machine's":             {tokenOf(t, idp, ""), "whoami", 200},
		"a machine's, permitted":  {tokenOf(t, idp, "", "scope", "whoami:details"), "whoami_details", 200},
		"in an organization":      {tokenOf(t, idp, "alice", "organization_id", "org2"), "whoami", 200},
		"for an organization":     {tokenOf(t, idp, "alice", "organization_id", "org1", "resource", ""), "whoami", 401},
		"for the Management API":  {tokenOf(t, idp, "alice", "resource", strings.TrimSuffix(idp.Issuer(), "/oidc")+"/api"), "whoami", 401},
		"opaque":                  {tokenOf(t, idp, "alice", "resource", "", "scope", "openid"), "whoami", 401},
		"a personal access token": {"pat_alice", "whoami", 401},
	} {
		resp, body := p.call(t, tt.token, tt.tool)
		if challenge := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != tt.want || (tt.want == 403) != strings.Contains(challenge, "whoami:details") {
			t.Errorf("%s: %d, %s\n%s", name, resp.StatusCode, challenge, body)
		}
	}
	claims := p.claims(t, tokenOf(t, idp, "alice"))
	team, _ := claims["team"].(map[string]any)
	if team["name"] != "blue" || len(team["ids"].([]any)) != 2 || claims["sub"] != "alice0000001" || claims["client_id"] != "app" {
		t.Errorf("claims of a script: %v", claims)
	}
	if claims := p.claims(t, tokenOf(t, idp, "")); claims["sub"] != "app" || claims["client_id"] != "app" {
		t.Errorf("a machine: %v", claims)
	}
	opaque := startLogto(t, idp, "--jwt-only=false")
	if claims := opaque.claims(t, tokenOf(t, idp, "alice", "resource", "", "scope", "openid profile")); claims["username"] != "alice" {
		t.Errorf("where opaque tokens are wanted: %v", claims)
	}
}

// --organization: a token for this server that names none of them is good and not for
// this: 403, and no scope that a client could ask for and sign in again in vain.
func TestOrganizations(t *testing.T) {
	idp := logtoTenant(t)
	p := startLogto(t, idp, "--organization", "org1 org3")
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"the right one":        {tokenOf(t, idp, "alice", "organization_id", "org1"), 200},
		"a machine in it":      {tokenOf(t, idp, "", "organization_id", "org1"), 200},
		"another":              {tokenOf(t, idp, "alice", "organization_id", "org2"), 403},
		"none":                 {tokenOf(t, idp, "alice"), 403},
		"a machine in none":    {tokenOf(t, idp, ""), 403},
		"for the organization": {tokenOf(t, idp, "alice", "organization_id", "org1", "resource", ""), 401},
	} {
		resp, body := p.call(t, tt.token, "whoami")
		challenge := resp.Header.Get("WWW-Authenticate")
		if resp.StatusCode != tt.want || tt.want == 403 && (!strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, "resource_metadata=") || strings.Contains(challenge, "scope=\"")) {
			t.Errorf("%s: %d, %s\n%s", name, resp.StatusCode, challenge, body)
		}
	}
	if claims := p.claims(t, tokenOf(t, idp, "alice", "organization_id", "org1")); claims["organization_id"] != "org1" {
		t.Errorf("%v", claims)
	}
	p.stderr.Await(t, `status=403 .*organization_id: a required claim is missing or has another value`)
	_, metadata := get(t, "http://"+p.address+"/.well-known/oauth-protected-resource/mcp")
	if !strings.Contains(metadata, organizationScope) {
		t.Errorf("the scope is not advertised: %s", metadata)
	}
}

// --profile-client: names come from the Management API, for people and not for machines;
// whatever fails there, the answer is without them, and nothing secret is in the log.
func TestProfiles(t *testing.T) {
	idp := logtoTenant(t)
	for name, tt := range map[string]struct {
		id, secret, logged string
		want               []string // claims of alice
	}{
		"good":         {"reader", "s3cret-reader\n", "", []string{"email", "name", "username"}},
		"wrong secret": {"reader", "s3cret-wrong", "a caller's profile could not be looked up", nil},
		"no role":      {"app", "s3cret-app", "no role with the permission all", nil},
	} {
		p := startLogto(t, idp, "--profile-client", tt.id, "--profile-secret-file", write(t, tt.secret))
		for range 2 {
			got := slices.DeleteFunc(slices.Sorted(maps.Keys(p.claims(t, tokenOf(t, idp, "alice")))), func(claim string) bool {
				return !slices.Contains([]string{"email", "name", "username", "picture"}, claim)
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if claims := p.claims(t, tokenOf(t, idp, "")); claims["username"] != nil || claims["sub"] != "app" {
			t.Errorf("%s: a machine: %v", name, claims)
		}
		p.stop()
		if said := p.stderr.String(); !strings.Contains(said, tt.logged) || strings.Contains(said, "s3cret") || strings.Count(said, "profile could not") > 1 {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// The gateway tells the upstream what Logto says of the caller: the organization, a claim
// of a script inside another, and a name of the Management API. Its tools need permissions.
func TestLogtoThroughTheGateway(t *testing.T) {
	idp := logtoTenant(t)
	asked := make(chan http.Header, 10)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`))
	}))
	t.Cleanup(upstream.Close)
	p := start(t, "--logto", strings.TrimSuffix(idp.Issuer(), "/oidc"), "--resource", logtoServer, "--listen", "127.0.0.1:0", "--organization", "org1",
		"--upstream", upstream.URL+"/mcp", "--tool-scope", "report=whoami:details", "--profile-client", "reader", "--profile-secret-file", write(t, "s3cret-reader"),
		"--identity-header", "X-User=sub X-Organization=organization_id X-Team=team.name X-Email=email")
	in := []string{"organization_id", "org1"}
	if resp, body := p.call(t, tokenOf(t, idp, "alice", append(in, "scope", "whoami:details")...), "report"); resp.StatusCode != 200 {
		t.Fatalf("status %d, %s", resp.StatusCode, body)
	}
	h := <-asked
	if h.Get("X-User") != "alice0000001" || h.Get("X-Organization") != "org1" || h.Get("X-Team") != "blue" || h.Get("X-Email") != "alice@example.test" || h.Get("Authorization") != "" {
		t.Errorf("the upstream is told %v", h)
	}
	for name, token := range map[string]string{"no permission": tokenOf(t, idp, "alice", in...), "no organization": tokenOf(t, idp, "alice", "scope", "whoami:details")} {
		if resp, _ := p.call(t, token, "report"); resp.StatusCode != 403 || len(asked) > 0 {
			t.Errorf("%s: status %d, and the upstream was asked %d times", name, resp.StatusCode, len(asked))
		}
	}
}

// --logto is short for the issuer and --jwt-only; what was said otherwise, by a flag, a
// variable or the file, counts.
func TestLogtoOptions(t *testing.T) {
	const tenant = "https://t.logto.app"
	for name, tt := range map[string]struct {
		env     map[string]string
		args    []string
		jwtOnly bool
	}{
		"alone":             {nil, []string{"--logto", tenant + "/"}, true},
		"a variable":        {map[string]string{"WHOAMI_LOGTO": tenant}, nil, true},
		"opaque by flag":    {nil, []string{"--logto", tenant, "--jwt-only=false"}, false},
		"opaque by env":     {map[string]string{"WHOAMI_JWT_ONLY": "false"}, []string{"--logto", tenant}, false},
		"opaque by file":    {nil, []string{"--logto", tenant, "--config", write(t, "jwt-only: false\n")}, false},
		"both in the file":  {nil, []string{"--config", write(t, "logto: "+tenant+"\njwt-only: false\n")}, false},
		"introspection too": {map[string]string{secretVariable: "s"}, []string{"--logto", tenant, "--introspection-client", "c"}, false},
	} {
		o, m := parsed(t, tt.env, append(tt.args, "--resource", "https://h.example/mcp")...)
		if c := o.config; len(m) != 0 || c.Issuer != tenant+"/oidc" || c.JWTOnly != tt.jwtOnly || len(c.RequiredClaims) != 0 || !slices.Equal(c.Scopes, []string{"openid", "profile", "email"}) {
			t.Errorf("%s: %+v, %v", name, c, m)
		}
	}
	o, m := parsed(t, map[string]string{profileVariable: "x"}, "--logto", tenant, "--organization", "a b", "--profile-client", "c")
	if l := o.logto; len(m) != 0 || l.profileSecret != "x" || l.profileResource != tenant+"/api" ||
		!slices.Equal(o.config.RequiredClaims["organization_id"], []string{"a", "b"}) || !slices.Contains(o.config.Scopes, organizationScope) {
		t.Errorf("%+v, %v", o.config, m)
	}
	o, m = parsed(t, map[string]string{profileVariable: "x"}, "--issuer", "https://id.example/oidc", "--profile-client", "c", "--profile-resource", "https://default.logto.app/api")
	if len(m) != 0 || o.logto.profileResource != "https://default.logto.app/api" || o.config.JWTOnly {
		t.Errorf("%+v, %v", o.logto, m)
	}
	_, m = parsed(t, nil, "--logto", tenant, "--profile-client", "c", "--profile-secret-file", "/does/not/exist")
	if len(m) != 1 || !strings.Contains(m[0].Error(), "profile-secret-file: open") {
		t.Errorf("%v", m)
	}
}
