package devidp_test

import (
	"crypto/rand"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
)

const (
	assertionGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	platform       = "https://platform.example"
	reader         = "https://files.example" // whose assertions are read from files
	company        = "https://company.example"
)

// trusting is a rig that trusts three issuers with one key.
func trusting(t *testing.T) (*rig, signer) {
	t.Helper()
	s := signers(t)["ES256"]
	keys := []devidp.Key{{ID: "k", Public: s.key.Public()}}
	return start(t, func(c *devidp.Config) {
		c.TrustedIssuers = []devidp.TrustedIssuer{
			{Issuer: platform, Keys: keys}, {Issuer: reader, Keys: keys, Reusable: true}, {Issuer: company, Keys: keys, IDJAG: true},
		}
		c.Clients = append(c.Clients,
			devidp.Client{ID: "workload", GrantTypes: []string{assertionGrant}},
			devidp.Client{ID: "agent", Secret: "s3cret", GrantTypes: []string{assertionGrant}},
			devidp.Client{ID: "employed", Workload: devidp.Workload{Issuer: company}, GrantTypes: machineGrant},
			devidp.Client{ID: "federated", Workload: devidp.Workload{Issuer: reader, Subject: "spiffe://example.org/app"}, GrantTypes: machineGrant},
		)
	}), s
}

// signed is an assertion of an issuer about a workload, its claims and header changed; nil
// removes.
func (r *rig) signed(s signer, issuer string, claims, header map[string]any) string {
	r.t.Helper()
	c := jwt.MapClaims{"iss": issuer, "sub": "job", "aud": r.idp.Issuer(), "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}
	h := map[string]any{"alg": s.method.Alg(), "kid": "k"}
	maps.Copy(c, claims)
	maps.Copy(h, header)
	gone := func(_ string, value any) bool { return value == nil }
	maps.DeleteFunc(c, gone)
	maps.DeleteFunc(h, gone)
	text, err := (&jwt.Token{Header: h, Claims: c, Method: s.method}).SignedString(s.key)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

// present sends an assertion as the client "workload", changed by pairs.
func (r *rig) present(assertion string, pairs ...string) answer {
	r.t.Helper()
	return r.token(append([]string{"client_id", "workload", "grant_type", assertionGrant, "assertion", assertion, "resource", resource, "scope", "openid mcp:read"}, pairs...)...)
}

// RFC 7523 section 2.1: an assertion of a trusted issuer, for the issuer with or without a
// slash, becomes a token about its subject, and nothing more.
func TestAssertionGrant(t *testing.T) {
	r, s := trusting(t)
	for name, aud := range map[string]any{"plain": r.idp.Issuer(), "with a slash": r.idp.Issuer() + "/", "one of several": []string{"https://a.example", r.idp.Issuer()}} {
		a := r.present(r.signed(s, platform, map[string]any{"aud": aud}, nil))
		if members := slices.Sorted(maps.Keys(a.members())); a.status != 200 || !slices.Equal(members, []string{"access_token", "expires_in", "scope", "token_type"}) {
			t.Fatalf("%s: status %d, members %v", name, a.status, members)
		}
		if c := r.claims(a.text("access_token")); c["sub"] != "job" || c["client_id"] != "workload" || c["aud"] != resource || c["scope"] != "mcp:read" || c["username"] != nil {
			t.Errorf("%s: %v", name, c)
		}
	}
	grants, _ := r.metadata()["grant_types_supported"].([]any)
	if !slices.Contains(grants, any(assertionGrant)) || r.idp.Stats().TokenRequests[assertionGrant] != 3 {
		t.Errorf("grants %v, %d counted", grants, r.idp.Stats().TokenRequests[assertionGrant])
	}
	grants, _ = start(t, nil).metadata()["grant_types_supported"].([]any)
	if slices.Contains(grants, any(assertionGrant)) {
		t.Error("one that trusts nobody says that it takes assertions")
	}
}

// RFC 7523 section 3, RFC 8707 section 2: what is refused, and that it spends nothing.
func TestAssertionGrantRefusals(t *testing.T) {
	r, s := trusting(t)
	stranger := signers(t)["ES256"]
	bound := map[string]any{"cnf": map[string]any{"jkt": dpop.NewKey().Thumbprint()}}
	past, far := time.Now().Add(-time.Minute).Unix(), time.Now().Add(2*time.Hour).Unix()
	for name, assertion := range map[string]string{
		"signed by another":  r.signed(stranger, platform, nil, nil),
		"another kid":        r.signed(s, platform, nil, map[string]any{"kid": "other"}),
		"unknown issuer":     r.signed(s, "https://evil.example", nil, nil),
		"no issuer":          r.signed(s, platform, map[string]any{"iss": nil}, nil),
		"nobody":             r.signed(s, platform, map[string]any{"sub": nil}, nil),
		"another audience":   r.signed(s, platform, map[string]any{"aud": "https://evil.example"}, nil),
		"no audience":        r.signed(s, platform, map[string]any{"aud": nil}, nil),
		"token endpoint":     r.signed(s, platform, map[string]any{"aud": r.idp.Issuer() + "/token"}, nil),
		"expired":            r.signed(s, platform, map[string]any{"exp": past}, nil),
		"no end":             r.signed(s, platform, map[string]any{"exp": nil}, nil),
		"an end far ahead":   r.signed(s, platform, map[string]any{"exp": far}, nil),
		"no ID":              r.signed(s, platform, map[string]any{"jti": nil}, nil),
		"about a person":     r.signed(s, platform, map[string]any{"sub": "alice0000001"}, nil),
		"a person, of files": r.signed(s, reader, map[string]any{"sub": "alice0000001"}, nil),
		"bound to a key":     r.signed(s, platform, bound, nil),
		"an ID-JAG":          r.signed(s, platform, nil, map[string]any{"typ": "oauth-id-jag+jwt"}),
		"expired, of files":  r.signed(s, reader, map[string]any{"exp": past}, nil),
		"not a JWT":          "x",
	} {
		t.Log(name)
		r.present(assertion).wantError(400, "invalid_grant")
	}
	good := r.signed(s, platform, nil, nil)
	r.present(good, "resource", resource+"/").wantError(400, "invalid_target")
	r.present(good, "resource", "").wantError(400, "invalid_target")
	r.present(good, "assertion", "").wantError(400, "invalid_request")
	r.present(good, "client_id", "native").wantError(400, "invalid_request")
	if a := r.present(good); a.status != 200 {
		t.Errorf("afterwards: status %d", a.status)
	}
	r.present(good).wantError(400, "invalid_grant")
	again := r.signed(s, reader, map[string]any{"exp": far, "jti": nil}, nil)
	for range 2 {
		if a := r.present(again); a.status != 200 {
			t.Errorf("one of a file: status %d", a.status)
		}
	}
}

// RFC 7523 section 2.2: a platform says who a client is. The client's own ID goes beside.
func TestWorkloadAssertsAClient(t *testing.T) {
	r, s := trusting(t)
	ask := func(assertion string, pairs ...string) answer {
		form := url.Values{"client_id": {"federated"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}, "resource": {resource}}
		return r.machine(with(form, pairs...), "", "")
	}
	about := map[string]any{"sub": "spiffe://example.org/app"}
	good := r.signed(s, reader, about, nil)
	for range 2 {
		if a := ask(good); a.status != 200 || r.claims(a.text("access_token"))["sub"] != "federated" {
			t.Fatalf("status %d, error %q", a.status, a.text("error"))
		}
	}
	ask(r.signed(s, reader, map[string]any{"sub": "spiffe://example.org/other"}, nil)).wantError(400, "invalid_request")
	ask(good, "client_id", "").wantError(400, "invalid_client")
	ask(good, "client_id", "web").wantError(400, "invalid_request")
	ask(r.signed(signers(t)["ES256"], reader, about, nil)).wantError(401, "invalid_client")
	ask(r.signed(s, platform, about, nil)).wantError(401, "invalid_client")
	ask(r.signed(s, reader, map[string]any{"sub": about["sub"], "cnf": map[string]any{"jkt": "k"}}, nil)).wantError(401, "invalid_client") // nothing is proved here
	ask(r.signed(s, reader, map[string]any{"sub": about["sub"], "aud": "https://evil.example"}, nil)).wantError(401, "invalid_client")
	ask(r.signed(s, reader, map[string]any{"sub": about["sub"], "exp": time.Now().Add(-time.Minute).Unix()}, nil)).wantError(401, "invalid_client")
}
