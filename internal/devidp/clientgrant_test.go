package devidp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

var machineGrant = []string{"client_credentials"}

// machines adds clients that act for themselves.
func machines(c *devidp.Config) {
	c.Clients = append(c.Clients,
		devidp.Client{ID: "m2m", Secret: "m2m s3cret", GrantTypes: machineGrant},
		devidp.Client{ID: "m2m-post", Secret: "m2m s3cret", AuthMethod: "client_secret_post", GrantTypes: machineGrant},
		devidp.Client{ID: "m2m-public", GrantTypes: machineGrant},
	)
}

func (r *rig) machine(form url.Values, user, password string) answer {
	r.t.Helper()
	return r.tokenAs(with(form, "grant_type", "client_credentials"), user, password)
}

// RFC 6749 section 4.4, Logto: a client that proves who it is gets a JWT for
// the resource with its own ID as subject and the scopes that the resource has,
// and neither refresh token nor ID token.
func TestClientCredentials(t *testing.T) {
	r := start(t, func(c *devidp.Config) { machines(c); c.TokenClaims = true })
	ask := url.Values{"resource": {resource}, "scope": {"openid offline_access mcp:read mcp:admin"}}
	for name, a := range map[string]answer{
		"basic": r.machine(ask, "m2m", "m2m s3cret"),
		"post":  r.machine(with(ask, "client_id", "m2m-post", "client_secret", "m2m s3cret"), "", ""),
	} {
		if a.status != 200 {
			t.Errorf("%s: status %d", name, a.status)
			continue
		}
		claims := r.claims(a.text("access_token"))
		if claims["sub"] != claims["client_id"] || !strings.HasPrefix(a.text("scope"), "mcp:read") || claims["aud"] != resource || claims["scope"] != "mcp:read" || claims["username"] != nil {
			t.Errorf("%s: claims %v", name, claims)
		}
		if members := slices.Sorted(maps.Keys(a.members())); !slices.Equal(members, []string{"access_token", "expires_in", "scope", "token_type"}) {
			t.Errorf("%s: members %v", name, members)
		}
	}
	if n := r.idp.Stats().TokenRequests["client_credentials"]; n != 2 {
		t.Errorf("%d counted", n)
	}
}

// Logto: with an unknown resource or with two the answer is invalid_target; a public client has no business here, nor has one that is
// registered for other grants.
func TestClientCredentialsRefusals(t *testing.T) {
	r := start(t, machines)
	r.machine(url.Values{"resource": {resource + "/"}}, "m2m", "m2m s3cret").wantError(400, "invalid_target")
	r.machine(url.Values{"resource": {resource, "http://localhost:8080/other"}}, "m2m", "m2m s3cret").wantError(400, "invalid_target")
	r.machine(url.Values{"resource": {resource}}, "m2m", "wrong").wantError(401, "invalid_client")
	r.machine(url.Values{"resource": {resource}, "client_id": {"m2m-public"}}, "", "").wantError(400, "invalid_request")
	r.machine(url.Values{"resource": {resource}}, "web", "s3cret&").wantError(400, "invalid_request")
	if a := r.authorize(params("client_id", "m2m")); a.status != 400 {
		t.Errorf("a login for it: status %d", a.status)
	}
}

// signer is a private key with the method it signs with.
type signer struct {
	method jwt.SigningMethod
	key    crypto.Signer
}

func signers(t *testing.T) map[string]signer {
	t.Helper()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]signer{"ES256": {jwt.SigningMethodES256, p256}, "RS256": {jwt.SigningMethodRS256, rsaKey}, "EdDSA": {jwt.SigningMethodEdDSA, ed}}
}

// keyed is a rig with the client "keyed", which has one key of each kind.
func keyed(t *testing.T) (*rig, map[string]signer) {
	all := signers(t)
	var keys []devidp.Key
	for id, s := range all {
		keys = append(keys, devidp.Key{ID: id, Public: s.key.Public()})
	}
	return start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "keyed", Keys: keys, GrantTypes: machineGrant})
	}), all
}

// assertion of the client "keyed", changed by the claims given; nil removes.
func (r *rig) assertion(s signer, kid string, change map[string]any) string {
	r.t.Helper()
	claims := jwt.MapClaims{"iss": "keyed", "sub": "keyed", "aud": r.idp.Issuer(), "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(s.method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(s.key)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

func (r *rig) asserted(assertion string, pairs ...string) answer {
	r.t.Helper()
	form := url.Values{"resource": {resource}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	return r.machine(with(form, pairs...), "", "")
}

// RFC 7523 sections 2.2 and 3: an assertion of each kind of key is taken, with
// and without kid, for the issuer and for the token endpoint, once.
func TestPrivateKeyJWT(t *testing.T) {
	r, all := keyed(t)
	for alg, s := range all {
		assertion := r.assertion(s, alg, nil)
		if a := r.asserted(assertion); a.status != 200 {
			t.Errorf("%s: status %d", alg, a.status)
		}
		r.asserted(assertion).wantError(401, "invalid_client")
		if a := r.asserted(r.assertion(s, "", map[string]any{"aud": []string{"https://a.example", r.idp.Issuer() + "/token"}}), "client_id", "keyed"); a.status != 200 {
			t.Errorf("%s without kid: status %d", alg, a.status)
		}
	}
	m := r.metadata()
	has := func(name, value string) bool {
		list, _ := m[name].([]any)
		return slices.Contains(list, any(value))
	}
	if !has("grant_types_supported", "client_credentials") || !has("token_endpoint_auth_methods_supported", "private_key_jwt") ||
		!has("token_endpoint_auth_signing_alg_values_supported", "ES256") || !has("token_endpoint_auth_signing_alg_values_supported", "EdDSA") {
		t.Error("metadata does not say so")
	}
}

// RFC 7523 section 3: what is wrong with an assertion is a failed
// authentication, what is wrong with the request a bad request.
func TestPrivateKeyJWTRefusals(t *testing.T) {
	r, all := keyed(t)
	es, stranger := all["ES256"], signers(t)["ES256"]
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": "keyed", "sub": "keyed", "aud": r.idp.Issuer(), "jti": "j", "exp": time.Now().Add(time.Minute).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, assertion := range map[string]string{
		"another key":      r.assertion(stranger, "ES256", nil),
		"no such kid":      r.assertion(es, "other", nil),
		"kid of another":   r.assertion(es, "RS256", nil),
		"no signature":     none,
		"issuer":           r.assertion(es, "", map[string]any{"iss": "native"}),
		"no issuer":        r.assertion(es, "", map[string]any{"iss": nil}),
		"no subject":       r.assertion(es, "", map[string]any{"sub": nil}),
		"audience":         r.assertion(es, "", map[string]any{"aud": "https://evil.example"}),
		"no audience":      r.assertion(es, "", map[string]any{"aud": nil}),
		"expired":          r.assertion(es, "", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"no end":           r.assertion(es, "", map[string]any{"exp": nil}),
		"an end far ahead": r.assertion(es, "", map[string]any{"exp": time.Now().Add(2 * time.Hour).Unix()}),
		"no ID":            r.assertion(es, "", map[string]any{"jti": nil}),
		"not yet":          r.assertion(es, "", map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}),
	} {
		t.Log(name)
		r.asserted(assertion).wantError(401, "invalid_client")
	}
	good := func() string { return r.assertion(es, "", nil) }
	r.asserted("no JWT").wantError(400, "invalid_request")
	r.asserted(good(), "client_assertion_type", "").wantError(400, "invalid_request")
	r.asserted(good(), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer").wantError(400, "invalid_request")
	r.asserted(good(), "client_id", "native").wantError(400, "invalid_request")
	r.asserted(good(), "client_secret", "x").wantError(400, "invalid_request")
	r.asserted(r.assertion(es, "", map[string]any{"iss": "nobody", "sub": "nobody"})).wantError(400, "invalid_client")
	r.asserted(r.assertion(es, "", map[string]any{"iss": "web", "sub": "web"})).wantError(401, "invalid_client") // has a secret, not a key
	r.machine(url.Values{"resource": {resource}, "client_id": {"keyed"}}, "", "").wantError(401, "invalid_client")
	if a := r.asserted(good()); a.status != 200 {
		t.Errorf("afterwards: status %d", a.status)
	}
}

// RFC 7523 section 3: the ID of an assertion is free again when the first one
// has ended.
func TestAssertionIDEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := signers(t)["ES256"]
		r := inBubble(t, func(c *devidp.Config) {
			c.Clients = append(c.Clients, devidp.Client{ID: "keyed", Keys: []devidp.Key{{Public: key.key.Public()}}, GrantTypes: machineGrant})
		})
		one := func() answer { return r.asserted(r.assertion(key, "any", map[string]any{"jti": "one"})) }
		if a := one(); a.status != 200 {
			t.Errorf("status %d", a.status)
		}
		one().wantError(401, "invalid_client")
		time.Sleep(time.Minute + time.Second)
		if a := one(); a.status != 200 {
			t.Errorf("after its end: status %d", a.status)
		}
	})
}

// RFC 7591 section 2: a client brings its keys along when it registers.
func TestRegistrationOfKeys(t *testing.T) {
	r := start(t, registering)
	key := signers(t)["ES256"]
	jwk, err := jwkset.NewJWKFromKey(key.key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "mine"}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{jwk.Marshal()}})
	if err != nil {
		t.Fatal(err)
	}
	a := r.register(`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","jwks":` + string(set) + `}`)
	if a.status != 201 || a.text("client_secret") != "" {
		t.Fatalf("status %d, %s", a.status, a.text("error"))
	}
	id := a.text("client_id")
	if got := r.asserted(r.assertion(key, "mine", map[string]any{"iss": id, "sub": id})); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
	for _, jwks := range []string{`null`, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"EC"}]}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, `7`} {
		a := r.register(`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","jwks":` + jwks + `}`)
		if a.status != 400 || a.text("error") != "invalid_client_metadata" {
			t.Errorf("%s: status %d, %s", jwks, a.status, a.text("error"))
		}
	}
	if _, err := devidp.ParseKeys([]byte(strings.Repeat(" ", 20_000))); err == nil {
		t.Error("a key set may be of any size")
	}
}

// A public client that sends a secret or an assertion is not the one registered.
func TestPublicClientWithSecret(t *testing.T) {
	r := start(t, nil)
	r.exchange(r.code(), "client_secret", "x").wantError(401, "invalid_client")
}
