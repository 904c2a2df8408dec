package devidp_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
)

// Logto: the issuer has the path /oidc, discovery answers under both names
// appended to it, and 404 as text where RFC 8414 inserts it. The switch adds
// that one address.
func TestDiscoveryAppendedOnly(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/oidc/.well-known/openid-configuration", "/oidc/.well-known/oauth-authorization-server"} {
		if a := r.get(r.host() + path); a.status != 200 || a.text("issuer") != r.idp.Issuer() || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: status %d, issuer %q", path, a.status, a.text("issuer"))
		}
	}
	inserted := "/.well-known/oauth-authorization-server/oidc"
	for _, path := range []string{inserted, "/.well-known/openid-configuration/oidc", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/", "/oidcx/jwks"} {
		if a := r.get(r.host() + path); a.status != 404 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: status %d, type %q", path, a.status, a.header.Get("Content-Type"))
		}
	}
	r.idp.SetFaults(devidp.Faults{InsertedMetadata: true})
	if a := r.get(r.host() + inserted); a.status != 200 || a.text("issuer") != r.idp.Issuer() {
		t.Errorf("with the switch: status %d", a.status)
	}
}

// Logto: what the document promises.
func TestDiscoveryDocument(t *testing.T) {
	r := start(t, nil)
	m := r.metadata()
	for name, path := range map[string]string{
		"authorization_endpoint": "/auth", "token_endpoint": "/token", "userinfo_endpoint": "/me", "jwks_uri": "/jwks",
		"revocation_endpoint": "/token/revocation", "introspection_endpoint": "/token/introspection",
		"device_authorization_endpoint": "/device/auth", "end_session_endpoint": "/session/end",
	} {
		if m[name] != r.idp.Issuer()+path {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	holds := func(name, want string) bool {
		list, _ := m[name].([]any)
		return slices.Contains(list, any(want))
	}
	if m["authorization_response_iss_parameter_supported"] != true || !holds("code_challenge_methods_supported", "S256") || holds("code_challenge_methods_supported", "plain") {
		t.Error("iss and S256, and nothing weaker, must be promised")
	}
	if !holds("scopes_supported", "offline_access") || !holds("scopes_supported", "openid") || holds("scopes_supported", "mcp:read") {
		t.Error("scopes_supported must hold the scopes of OpenID Connect and not those of resources")
	}
	if _, there := m["registration_endpoint"]; there {
		t.Error("Logto has no registration_endpoint")
	}
}

// Logto: one ES384 key, its own media type, no caching.
func TestOneKeyIsPublishedAndNotCached(t *testing.T) {
	r := start(t, nil)
	a := r.get(r.idp.Issuer() + "/jwks")
	if a.header.Get("Content-Type") != "application/jwk-set+json; charset=utf-8" || a.header.Get("Cache-Control") != "no-cache, max-age=0, must-revalidate" {
		t.Errorf("headers %q, %q", a.header.Get("Content-Type"), a.header.Get("Cache-Control"))
	}
	keys, _ := a.members()["keys"].([]any)
	if len(keys) != 1 {
		t.Fatalf("%d keys", len(keys))
	}
	key, _ := keys[0].(map[string]any)
	if kid, _ := key["kid"].(string); len(kid) != 43 || key["alg"] != "ES384" || key["crv"] != "P-384" || key["kty"] != "EC" || key["use"] != "sig" || key["d"] != nil {
		t.Errorf("the key has kty %v, crv %v, alg %v, use %v", key["kty"], key["crv"], key["alg"], key["use"])
	}
}

// parse verifies a JWT with the keys the provider publishes.
func (r *rig) parse(token string) (*jwt.Token, error) {
	r.t.Helper()
	keys, err := keyfunc.NewJWKSetJSON([]byte(r.get(r.idp.Issuer() + "/jwks").body))
	if err != nil {
		r.t.Fatal(err)
	}
	return jwt.Parse(token, keys.Keyfunc, jwt.WithValidMethods([]string{"ES384"}), jwt.WithIssuer(r.idp.Issuer()), jwt.WithExpirationRequired())
}

// verified is a JWT that parse has accepted.
func (r *rig) verified(token string) *jwt.Token {
	r.t.Helper()
	parsed, err := r.parse(token)
	if err != nil {
		r.t.Fatal(err)
	}
	return parsed
}

// claims are those of a JWT that parse has accepted.
func (r *rig) claims(token string) jwt.MapClaims {
	r.t.Helper()
	claims, _ := r.verified(token).Claims.(jwt.MapClaims)
	return claims
}

// issue makes a token without a login.
func (r *rig) issue(request devidp.TokenRequest) string {
	r.t.Helper()
	token, err := r.idp.IssueToken(request)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// Logto: a request id on every answer, JSON 404 for routes under the issuer
// that do not exist, CORS preflight.
func TestCommonAnswers(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/oidc/jwks", "/oidc/me", "/nothing", "/sign-in"} {
		if id := r.get(r.host() + path).header.Get("Logto-Core-Request-Id"); len(id) != 16 {
			t.Errorf("%s: request id %q", path, id)
		}
	}
	a := r.get(r.idp.Issuer() + "/token")
	a.wantError(404, "invalid_request")
	if d := a.text("error_description"); d != "unrecognized route or not allowed method (GET on /token)" {
		t.Errorf("description %q", d)
	}
	req := r.request(http.MethodOptions, r.idp.Issuer()+"/token", "")
	req.Header.Set("Origin", "https://app.example")
	if a := r.do(req); a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Methods") != "GET,POST" {
		t.Errorf("preflight: status %d", a.status)
	}
	if a := r.do(req); a.header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, DPoP, MCP-Protocol-Version" {
		t.Error("a web page may not send what it must")
	}
	if a := r.token(); a.header.Get("Cache-Control") != "no-store" || a.header.Get("Access-Control-Expose-Headers") != "WWW-Authenticate, DPoP-Nonce" {
		t.Error("token errors must not be stored, and what a client reads must be exposed")
	}
}
