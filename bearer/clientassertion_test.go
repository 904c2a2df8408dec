package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/test/issuer"
)

// RFC 7523 section 3 and draft-ietf-oauth-rfc7523bis: each request is signed anew, by the
// algorithm of the key, for the issuer alone, with no secret beside it.
func TestIntrospectionByPrivateKeyJWT(t *testing.T) {
	ec := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, minRSABits)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[string]crypto.Signer{
		"RS256": rsaKey, "PS256": rsaKey, "EdDSA": edKey, "ES256": ec(elliptic.P256()), "ES384": ec(elliptic.P384()), "ES512": ec(elliptic.P521()),
	} {
		i := issuer.Start(t)
		seen := map[string]bool{}
		introspect(i, `"client_secret_post"`, func(w http.ResponseWriter, r *http.Request) {
			_, _, basic := r.BasicAuth()
			if basic || r.PostFormValue("client_secret") != "" || r.PostFormValue("client_id") != "me" ||
				r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Errorf("%s: basic %t, %v", algorithm, basic, r.PostForm)
			}
			var claims jwt.RegisteredClaims
			token, err := jwt.ParseWithClaims(r.PostFormValue("client_assertion"), &claims, func(*jwt.Token) (any, error) { return key.Public(), nil },
				jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer("me"), jwt.WithSubject("me"), jwt.WithAudience(i.URL), jwt.WithExpirationRequired())
			if err != nil {
				t.Errorf("%s: %v", algorithm, err)
			} else if token.Header["kid"] != "k1" || len(claims.Audience) != 1 || claims.ID == "" || seen[claims.ID] || claims.ExpiresAt.Sub(claims.IssuedAt.Time) != time.Minute {
				t.Errorf("%s: %v %+v", algorithm, token.Header, claims)
			}
			seen[claims.ID] = true
			issuer.Answer(200, `{"active":true,"sub":"u1","aud":"`+issuer.Resource+`"}`)(w, r)
		})
		if metadata := i.Metadata; algorithm == "PS256" {
			i.Metadata = func(w http.ResponseWriter, r *http.Request) {
				metadata(replacing{w, `"x-order"`, `"introspection_endpoint_auth_signing_alg_values_supported":["ES256","PS256"],"x-order"`}, r)
			}
		}
		s := newServer(t, i, func(c *Config) {
			c.Introspection = &Introspection{ClientID: "me", Key: key, KeyID: "k1"}
			c.CacheTTL = -1
		})
		for range 2 {
			if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 200 {
				t.Errorf("%s: %d", algorithm, resp.StatusCode)
			}
		}
		if len(seen) != 2 {
			t.Errorf("%s: %d assertions", algorithm, len(seen))
		}
	}
}

// A key that no algorithm goes with, or one beside a secret, is a mistake in the
// configuration.
func TestIntrospectionCredentialsAreChecked(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, good, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		credentials Introspection
		ok          bool
	}{
		"key": {Introspection{ClientID: "c", Key: good}, true}, "secret": {Introspection{ClientID: "c", ClientSecret: "s"}, true},
		"both": {Introspection{ClientID: "c", ClientSecret: "s", Key: good}, false}, "neither": {Introspection{ClientID: "c"}, false},
		"no id": {Introspection{Key: good}, false}, "P-224": {Introspection{ClientID: "c", Key: p224}, false},
	} {
		if err := tt.credentials.check(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
