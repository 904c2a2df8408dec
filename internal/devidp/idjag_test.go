package devidp_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
)

const idJAG = "urn:ietf:params:oauth:token-type:id-jag"

// enterprise is a company's provider and the authorization server of an MCP server that
// trusts it; alice may in, bob may not.
type enterprise struct{ company, server *rig }

func newEnterprise(t *testing.T) enterprise {
	t.Helper()
	e := enterprise{company: start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{
			ID: "agent-here", Secret: "idp s3cret", RedirectURIs: []string{callback},
			GrantTypes: []string{"authorization_code", "refresh_token", exchangeGrant},
		})
	})}
	e.server = start(t, func(c *devidp.Config) {
		c.TrustedIssuers = []devidp.TrustedIssuer{{Issuer: e.company.idp.Issuer(), Keys: e.company.idp.Keys(), IDJAG: true}}
		c.Clients = append(c.Clients, devidp.Client{ID: "agent-there", Secret: "s3cret", GrantTypes: []string{assertionGrant}})
		c.TokenClaims = true
	})
	e.company.idp.AddApplication(devidp.Application{
		Issuer: e.server.idp.Issuer(), Resources: []string{resource, "http://localhost:8080/other"}, Scopes: []string{"mcp:read", "mcp:write"},
		Clients: map[string]string{"agent-here": "agent-there"}, Denied: []string{"bob"},
	})
	return e
}

// login signs somebody in at the company, for good.
func (e enterprise) login(username string) answer {
	e.company.t.Helper()
	q := params("client_id", "agent-here", "redirect_uri", callback, "scope", "openid offline_access", "prompt", "consent")
	code := e.company.signIn(q, username).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	a := e.company.tokenAs(form, "agent-here", "idp s3cret")
	if a.status != 200 || a.text("id_token") == "" || a.text("refresh_token") == "" {
		e.company.t.Fatalf("status %d, error %q", a.status, a.text("error"))
	}
	return a
}

// exchanged asks the company for an ID-JAG, changed by pairs.
func (e enterprise) exchanged(idToken string, pairs ...string) answer {
	e.company.t.Helper()
	form := url.Values{
		"grant_type": {exchangeGrant}, "requested_token_type": {idJAG}, "subject_token": {idToken}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"},
		"audience": {e.server.idp.Issuer()}, "resource": {resource}, "scope": {"mcp:read mcp:admin"},
	}
	return e.company.tokenAs(with(form, pairs...), "agent-here", "idp s3cret")
}

// presented brings it to the server's provider.
func (e enterprise) presented(assertion string, pairs ...string) answer {
	e.server.t.Helper()
	return e.server.tokenAs(with(url.Values{"grant_type": {assertionGrant}, "assertion": {assertion}}, pairs...), "agent-there", "s3cret")
}

// One sign-in at the company is good for several servers (RFC 8693 section 2, RFC 7523
// section 2.1, draft-ietf-oauth-identity-assertion-authz-grant-04), and is renewed without
// anybody.
func TestEnterpriseManagedAuthorization(t *testing.T) {
	e := newEnterprise(t)
	login := e.login("alice")
	a := e.exchanged(login.text("id_token"))
	members := a.members()
	if names := slices.Sorted(maps.Keys(members)); a.status != 200 || !slices.Equal(names, []string{"access_token", "expires_in", "issued_token_type", "scope", "token_type"}) ||
		members["issued_token_type"] != idJAG || members["token_type"] != "N_A" || members["scope"] != "mcp:read" {
		t.Fatalf("status %d: %v", a.status, names)
	}
	claims := e.company.claims(a.text("access_token"))
	if names := slices.Sorted(maps.Keys(claims)); !slices.Equal(names, []string{"aud", "client_id", "exp", "iat", "iss", "jti", "resource", "scope", "sub"}) ||
		claims["aud"] != e.server.idp.Issuer() || claims["client_id"] != "agent-there" || claims["resource"] != resource || claims["sub"] != "alice0000001" {
		t.Errorf("the ID-JAG says %v", claims)
	}
	got := e.presented(a.text("access_token"))
	access := e.server.claims(got.text("access_token"))
	if got.text("token_type") != "Bearer" || got.text("refresh_token")+got.text("id_token") != "" || access["aud"] != resource ||
		access["sub"] != "alice0000001" || access["username"] != "alice" || access["scope"] != "mcp:read" || access["client_id"] != "agent-there" {
		t.Errorf("status %d, claims %v", got.status, access)
	}
	renewed := e.company.tokenAs(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.text("refresh_token")}}, "agent-here", "idp s3cret")
	other := e.presented(e.exchanged(renewed.text("id_token"), "resource", "http://localhost:8080/other", "scope", "").text("access_token"))
	if c := e.server.claims(other.text("access_token")); c["aud"] != "http://localhost:8080/other" || c["scope"] != nil {
		t.Errorf("another server: status %d, claims %v", other.status, c)
	}
	if n := e.company.idp.Stats().Logins + e.server.idp.Stats().Logins; n != 1 {
		t.Errorf("%d logins", n)
	}
	for name, r := range map[string]*rig{"identity_chaining_requested_token_types_supported": e.company, "authorization_grant_profiles_supported": e.server} {
		if list, _ := r.metadata()[name].([]any); len(list) != 1 {
			t.Errorf("metadata: %s is %v", name, list)
		}
	}
}

// What the company refuses: what is no ID token for this client (draft, section 4.3.3), a
// target that it does not know (RFC 8693, section 2.2.2), somebody who may not in.
func TestTheCompanyRefuses(t *testing.T) {
	e := newEnterprise(t)
	login := e.login("alice")
	good := login.text("id_token")
	e.exchanged(good, "audience", "https://evil.example").wantError(400, "invalid_target")
	e.exchanged(good, "audience", e.server.idp.Issuer()+"/").wantError(400, "invalid_target")
	e.exchanged(good, "resource", "http://localhost:8080/third").wantError(400, "invalid_target")
	e.exchanged(e.login("bob").text("id_token")).wantError(400, "access_denied")
	for _, name := range []string{"audience", "subject_token", "subject_token_type"} {
		e.exchanged(good, name, "").wantError(400, "invalid_request")
	}
	another := e.company.exchange(e.company.code()).text("id_token")
	e.company.idp.AddResource(devidp.Resource{Indicator: "agent-here"})
	access, err := e.company.idp.IssueToken(devidp.TokenRequest{ClientID: "agent-here", Resource: "agent-here"})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"for another client": another, "an access token": access, "an ID-JAG": e.exchanged(good).text("access_token"),
		"signed by nobody": good[:strings.LastIndex(good, ".")+1], "not a JWT": "x",
	} {
		t.Log(name)
		e.exchanged(token).wantError(400, "invalid_grant")
	}
	e.exchanged(good, "subject_token_type", "urn:ietf:params:oauth:token-type:access_token").wantError(400, "invalid_grant")
	form := url.Values{"grant_type": {exchangeGrant}, "requested_token_type": {idJAG}}
	e.company.tokenAs(form, "web", "s3cret&").wantError(400, "invalid_request")
	e.company.tokenAs(form, "agent-here", "wrong").wantError(401, "invalid_client")
	e.company.idp.SetFaults(devidp.Faults{IDTokenTTL: -time.Minute})
	e.exchanged(e.login("alice").text("id_token")).wantError(400, "invalid_grant")
}

// What the server's provider refuses: an ID-JAG for another audience, client or resource,
// one that has expired, one that was used, one of another type, one that somebody else
// signed.
func TestIDJAGsAreRefused(t *testing.T) {
	r, s := trusting(t)
	jag := func(claims, header map[string]any) string {
		c := map[string]any{"sub": "alice0000001", "client_id": "agent", "resource": resource, "scope": "mcp:read"}
		h := map[string]any{"typ": "oauth-id-jag+jwt"}
		maps.Copy(c, claims)
		maps.Copy(h, header)
		return r.signed(s, company, c, h)
	}
	send := func(assertion string, pairs ...string) answer {
		return r.tokenAs(with(url.Values{"grant_type": {assertionGrant}, "assertion": {assertion}}, pairs...), "agent", "s3cret")
	}
	stranger := signers(t)["ES256"]
	for name, assertion := range map[string]string{
		"another audience":  jag(map[string]any{"aud": "https://evil.example"}, nil),
		"another client":    jag(map[string]any{"client_id": "workload"}, nil),
		"no client":         jag(map[string]any{"client_id": nil}, nil),
		"expired":           jag(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}, nil),
		"no end":            jag(map[string]any{"exp": nil}, nil),
		"no ID":             jag(map[string]any{"jti": nil}, nil),
		"nobody":            jag(map[string]any{"sub": nil}, nil),
		"another type":      jag(nil, map[string]any{"typ": "JWT"}),
		"no type":           jag(nil, map[string]any{"typ": nil}),
		"another signature": r.signed(stranger, company, map[string]any{"client_id": "agent", "resource": resource}, map[string]any{"typ": "oauth-id-jag+jwt"}),
		"another issuer":    jag(map[string]any{"iss": platform}, nil),
		"an unknown issuer": jag(map[string]any{"iss": "https://evil.example"}, nil),
	} {
		t.Log(name)
		send(assertion).wantError(400, "invalid_grant")
	}
	send(jag(map[string]any{"resource": resource + "/"}, nil)).wantError(400, "invalid_target")
	send(jag(map[string]any{"resource": nil}, nil)).wantError(400, "invalid_target")
	good := jag(nil, nil)
	send(good, "resource", "http://localhost:8080/other").wantError(400, "invalid_target")
	r.present(good).wantError(400, "invalid_grant") // by another client
	if a := send(good, "scope", "mcp:read mcp:write", "resource", resource); a.status != 200 || a.text("scope") != "mcp:read" {
		t.Errorf("status %d, scope %q", a.status, a.text("scope"))
	}
	send(good).wantError(400, "invalid_grant")
	for _, client := range []string{"agent", "employed"} { // it proves nobody
		form := url.Values{"client_assertion_type": {assertionType}, "client_assertion": {jag(map[string]any{"sub": client}, nil)}, "resource": {resource}}
		r.machine(form, "", "").wantError(401, "invalid_client")
	}
}

// An ID-JAG that is bound to a key (RFC 7800, section 3.1) is of no use without it, and stays good
// for who has it; what else may bind one is not known here.
func TestBoundIDJAG(t *testing.T) {
	r, s := trusting(t)
	key := dpop.NewKey()
	bound := func(cnf map[string]any) url.Values {
		claims := map[string]any{"sub": "alice0000001", "client_id": "agent", "resource": resource, "cnf": cnf}
		return url.Values{"grant_type": {assertionGrant}, "assertion": {r.signed(s, company, claims, map[string]any{"typ": "oauth-id-jag+jwt"})}}
	}
	send := func(form url.Values, with *dpop.Key) answer {
		req := r.form(r.idp.Issuer()+"/token", form)
		req.SetBasicAuth("agent", "s3cret")
		if with != nil {
			req.Header.Set(dpop.ProofHeader, r.proof(with, http.MethodPost, "/token", "", ""))
		}
		return r.do(req)
	}
	form := bound(map[string]any{"jkt": key.Thumbprint()})
	send(form, nil).wantError(400, "invalid_grant")
	send(form, dpop.NewKey()).wantError(400, "invalid_grant")
	if a := send(form, key); a.status != 200 || a.text("token_type") != "DPoP" {
		t.Errorf("with its key: status %d, type %q", a.status, a.text("token_type"))
	}
	send(bound(map[string]any{"x5t#S256": "A"}), nil).wantError(400, "invalid_grant")
	send(bound(map[string]any{}), key).wantError(400, "invalid_grant")
}

// What a client must see by itself: the tokens of a refresh are about somebody else, and
// what was exchanged is of another type or for another client.
func TestAStrangeCompany(t *testing.T) {
	e := newEnterprise(t)
	e.company.idp.SetFaults(devidp.Faults{
		RefreshSubject: "mallory", ExchangeMembers: map[string]any{"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
		IDJAGClaims: map[string]any{"client_id": "another"},
	})
	login := e.login("alice")
	if sub := e.company.claims(login.text("id_token"))["sub"]; sub != "alice0000001" {
		t.Errorf("at the login: sub %v", sub)
	}
	a := e.exchanged(login.text("id_token"))
	if a.text("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" || e.company.claims(a.text("access_token"))["client_id"] != "another" {
		t.Errorf("exchanged: %s", a.body)
	}
	for range 2 {
		login = e.company.tokenAs(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.text("refresh_token")}}, "agent-here", "idp s3cret")
		if sub := e.company.claims(login.text("id_token"))["sub"]; sub != "mallory" {
			t.Errorf("refreshed: sub %v", sub)
		}
	}
}
