package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
)

// Scopes that do not exist are left out, beside what the transcripts show. A JWT has two
// dots, an opaque token 43 characters.
func TestResourceRule(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		authorize, token []string
		jwt              bool
		scope            string
	}{
		"at both, scope not there":   {[]string{"resource", resource, "scope", "openid mcp:admin"}, []string{"resource", resource}, true, ""},
		"unknown scope, no resource": {[]string{"scope", "openid foo:bar mcp:read"}, nil, false, "openid"},
	} {
		a := r.exchange(r.code(c.authorize...), c.token...)
		token := a.text("access_token")
		if a.status != 200 || (strings.Count(token, ".") == 2) != c.jwt || !c.jwt && len(token) != 43 {
			t.Errorf("%s: status %d, token of %d characters", name, a.status, len(token))
		}
		if scope, there := a.members()["scope"]; !there || scope != c.scope {
			t.Errorf("%s: scope %q, want %q", name, scope, c.scope)
		}
		if a.text("token_type") != "Bearer" || a.members()["expires_in"] != 3600.0 || a.text("id_token") == "" || a.text("refresh_token") != "" {
			t.Errorf("%s: type %q, expires_in %v, ID token %t, refresh token %t", name, a.text("token_type"), a.members()["expires_in"], a.text("id_token") != "", a.text("refresh_token") != "")
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: headers %q, %q", name, a.header.Get("Cache-Control"), a.header.Get("Content-Type"))
		}
	}
}

// Logto: a resource that was not asked for, or is not registered, is
// invalid_target at the token endpoint, and the code is spent. Of two resources
// none counts.
func TestResourceWrongAtToken(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct{ authorize, token string }{
		"unregistered":            {resource, "http://localhost:8080/wrong"},
		"another than asked for":  {resource, "http://localhost:8080/other"},
		"with a slash more":       {resource, resource + "/"},
		"without a host":          {resource, "http://"},
		"registered, asked other": {"http://localhost:8080/other", resource},
	} {
		code := r.code("resource", c.authorize)
		a := r.exchange(code, "resource", c.token)
		a.wantError(400, "invalid_target")
		if d := a.text("error_description"); d != "resource indicator is missing, or unknown" {
			t.Errorf("%s: %q", name, d)
		}
		r.exchange(code).wantError(400, "invalid_grant")
	}
	q := params("scope", "openid")
	q["resource"] = []string{resource, "http://localhost:8080/other"}
	code := r.signIn(q, "alice").Get("code")
	a := r.post(r.idp.Issuer()+"/token", url.Values{
		"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}, "resource": q["resource"],
	})
	if a.status != 200 || len(a.text("access_token")) != 43 {
		t.Errorf("two resources: status %d, token of %d characters", a.status, len(a.text("access_token")))
	}
}

// Several resources can be asked for; the token request picks one of them.
func TestResourcePicked(t *testing.T) {
	r := start(t, nil)
	q := params("scope", "openid mcp:read")
	q["resource"] = []string{resource, "http://localhost:8080/other"}
	a := r.exchange(r.signIn(q, "alice").Get("code"), "resource", "http://localhost:8080/other")
	if aud := r.claims(a.text("access_token"))["aud"]; aud != "http://localhost:8080/other" || a.text("scope") != "" {
		t.Errorf("aud %v, scope %q", aud, a.text("scope"))
	}
}

// Logto, RFC 9068: the JWT verifies with the published key and says this. Which claims
// there are the transcripts show.
func TestAccessTokenClaims(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.TokenClaims = true })
	token := r.verified(r.exchange(r.code("resource", resource, "scope", "openid mcp:read mcp:write"), "resource", resource).text("access_token"))
	if token.Header["typ"] != "at+jwt" || token.Header["alg"] != "ES384" || len(token.Header) != 3 {
		t.Errorf("header %v", token.Header)
	}
	claims, _ := token.Claims.(jwt.MapClaims)
	for name, want := range map[string]string{
		"aud": resource, "sub": "alice0000001", "client_id": "native", "scope": "mcp:read mcp:write",
		"username": "alice", "email": "alice@example.test", "name": "Alice Example",
	} {
		if claims[name] != want {
			t.Errorf("%s: %v", name, claims[name])
		}
	}
}

// Logto: the ID token has no typ, a string aud, the nonce that was sent, claims
// by scope, and not at_hash, azp or auth_time. Without openid there is none.
func TestIDTokenHasTheClaimsOfItsScopes(t *testing.T) {
	r := start(t, nil)
	a := r.exchange(r.code("nonce", "n-1", "scope", "openid profile email custom_data roles"))
	token := r.verified(a.text("id_token"))
	claims, _ := token.Claims.(jwt.MapClaims)
	if _, typed := token.Header["typ"]; typed || claims["aud"] != "native" || claims["nonce"] != "n-1" || claims["username"] != "alice" || claims["email"] != "alice@example.test" {
		t.Errorf("typ %t, aud %v, nonce %v, username %v", typed, claims["aud"], claims["nonce"], claims["username"])
	}
	for _, name := range []string{"at_hash", "azp", "sid", "auth_time", "custom_data"} {
		if _, there := claims[name]; there {
			t.Errorf("%s is there", name)
		}
	}
	if _, there := claims["roles"]; !there {
		t.Error("roles are not there")
	}
	if a := r.exchange(r.code("scope", "profile")); a.status != 200 || a.text("id_token") != "" {
		t.Errorf("without openid: status %d", a.status)
	}
}

// Logto, RFC 6749 section 4.1.2: a code is good once; its second use ends what
// the first one gave, refresh token included.
func TestTheSecondUseOfACodeEndsTheFirst(t *testing.T) {
	r := start(t, nil)
	code := r.code("scope", "openid offline_access", "prompt", "consent")
	a := r.exchange(code)
	if got := r.userinfo(a.text("access_token")); got.status != 200 {
		t.Fatalf("userinfo: status %d", got.status)
	}
	r.exchange(code).wantError(400, "invalid_grant")
	if got := r.userinfo(a.text("access_token")); got.status != 401 {
		t.Errorf("userinfo after the replay: status %d", got.status)
	}
	r.refresh(a.text("refresh_token")).wantError(400, "invalid_grant")
	r.exchange(code).wantError(400, "invalid_grant")
	if n := r.idp.Stats().ReuseDetections; n != 1 {
		t.Errorf("%d reuse detections", n)
	}
}

// Logto: a code lives 60 seconds, a login page an hour, an access token an hour.
func TestLifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		code, late := r.code(), r.code()
		page := r.authorize(params()).location().String()
		time.Sleep(time.Minute)
		a := r.exchange(code)
		if a.status != 200 {
			t.Errorf("code after 60 s: status %d", a.status)
		}
		time.Sleep(time.Nanosecond)
		r.exchange(late).wantError(400, "invalid_grant")
		time.Sleep(time.Hour - time.Minute - time.Nanosecond)
		if got := r.get(r.host() + page); got.status != 200 {
			t.Errorf("page after an hour: status %d", got.status)
		}
		if got := r.userinfo(a.text("access_token")); got.status != 200 {
			t.Errorf("access token before its end: status %d", got.status)
		}
		time.Sleep(time.Minute + time.Nanosecond)
		if got := r.get(r.host() + page); got.status != 400 {
			t.Errorf("page after more than an hour: status %d", got.status)
		}
		if got := r.userinfo(a.text("access_token")); got.status != 401 {
			t.Errorf("access token after its end: status %d", got.status)
		}
	})
}

// Requests that are wrong in form.
func TestTokenRequestErrors(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		form        url.Values
		code, about string
	}{
		"no code":          {url.Values{"client_id": {"native"}, "grant_type": {"authorization_code"}}, "invalid_request", "'code'"},
		"no redirect URI":  {url.Values{"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {"c"}}, "invalid_request", "'redirect_uri'"},
		"no refresh token": {url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}}, "invalid_request", "'refresh_token'"},
		"doubled":          {url.Values{"client_id": {"native"}, "refresh_token": {"a", "b"}}, "invalid_request", "'refresh_token' parameter must not be provided twice"},
		"too large":        {url.Values{"client_id": {strings.Repeat("n", 70_000)}}, "invalid_request", "cannot be read"},
	} {
		a := r.post(r.idp.Issuer()+"/token", c.form)
		a.wantError(http.StatusBadRequest, c.code)
		if d := a.text("error_description"); !strings.Contains(d, c.about) {
			t.Errorf("%s: %q", name, d)
		}
	}
}

// Logto: a secret in the header or in the form; a wrong one is 401, here without a
// challenge. An unknown client is 400.
func TestClientAuthentication(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "empty", AuthMethod: "client_secret_post", RedirectURIs: []string{callback}})
	})
	code := func(client string) url.Values {
		q := r.signIn(params("client_id", client), "alice")
		return url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	}
	send := r.tokenAs
	if a := send(code("web"), "web", "s3cret&"); a.status != 200 {
		t.Errorf("header: status %d", a.status)
	}
	if a := send(with(code("web"), "client_id", "web", "client_secret", "s3cret&"), "", ""); a.status != 200 {
		t.Errorf("form: status %d", a.status)
	}
	for name, c := range map[string]struct {
		a      answer
		status int
		code   string
	}{
		"wrong in the form":     {send(with(code("web"), "client_id", "web", "client_secret", "wrong"), "", ""), 401, "invalid_client"},
		"none was given out":    {send(with(code("empty"), "client_id", "empty"), "", ""), 401, "invalid_client"},
		"empty in the header":   {send(code("native"), "native", ""), 400, "invalid_request"},
		"header and form":       {send(with(code("web"), "client_secret", "s3cret&"), "web", "s3cret&"), 400, "invalid_request"},
		"two clients":           {send(with(code("web"), "client_id", "native"), "web", "s3cret&"), 400, "invalid_request"},
		"unknown in the header": {send(code("web"), "nobody", "x"), 400, "invalid_client"},
	} {
		t.Log(name)
		c.a.wantError(c.status, c.code)
		if got := c.a.header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("%s: challenge %q", name, got)
		}
	}
}

// Logto: only a client that authenticates with client_secret_basic may leave
// PKCE out, and then there must be no verifier.
func TestPKCEOfConfidentialClient(t *testing.T) {
	r := start(t, nil)
	form := func() url.Values {
		q := r.signIn(params("client_id", "web", "code_challenge", "", "code_challenge_method", ""), "alice")
		return url.Values{"client_id": {"web"}, "client_secret": {"s3cret&"}, "grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {callback}}
	}
	if a := r.post(r.idp.Issuer()+"/token", form()); a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	r.post(r.idp.Issuer()+"/token", with(form(), "code_verifier", verifier)).wantError(400, "invalid_grant")
	if q := r.authorize(params("client_id", "spa", "code_challenge", "", "code_challenge_method", "")).location().Query(); q.Get("error") != "invalid_request" {
		t.Errorf("public client without PKCE: error %q", q.Get("error"))
	}
}
