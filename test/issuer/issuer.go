package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// Issuer is a running one, with one key to begin with, k1.
type Issuer struct {
	URL    string       // its identifier
	Keys   sync.Map     // kid → crypto.Signer
	Client *http.Client // nil: any reaches it

	MetadataCalls, KeyCalls, UserinfoCalls, IntrospectionCalls atomic.Int64

	// Each may be replaced before the first request.
	Metadata, JWKS, Userinfo http.HandlerFunc
	Introspection            http.HandlerFunc // none by itself
}

// Start returns an issuer that answers at its own loopback address and ends with the test.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{}
	i.init(t)
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	i.URL = srv.URL + "/oidc"
	return i
}

// InMemory returns an issuer that is reached by its client alone.
func InMemory(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{URL: "http://127.0.0.1/oidc"}
	i.Client = &http.Client{Transport: Memory{i}}
	i.init(t)
	return i
}

func (i *Issuer) init(t testing.TB) {
	t.Helper()
	i.AddKey(t, "k1")
	i.Metadata, i.JWKS, i.Userinfo = i.ServeMetadata, i.ServeKeys, UnknownToken
}

// AddKey makes another key and publishes it.
func (i *Issuer) AddKey(t testing.TB, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.Keys.Store(kid, crypto.Signer(key))
}

// Key is one of those published.
func (i *Issuer) Key(kid string) crypto.Signer {
	k, _ := i.Keys.Load(kid)
	return k.(crypto.Signer)
}

// ServeHTTP implements [http.Handler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/oidc/.well-known/openid-configuration":
		i.MetadataCalls.Add(1)
		i.Metadata(w, r)
	case "/oidc/jwks":
		i.KeyCalls.Add(1)
		i.JWKS(w, r)
	case "/oidc/me":
		i.UserinfoCalls.Add(1)
		i.Userinfo(w, r)
	case "/oidc/introspect":
		i.IntrospectionCalls.Add(1)
		i.Introspection(w, r)
	default:
		http.NotFound(w, r)
	}
}

// Document is the metadata. It has odd spacing and an unknown member on purpose: it is
// relayed byte for byte.
func (i *Issuer) Document() string {
	return `{ "issuer":"` + i.URL + `",  "authorization_endpoint":"` + i.URL + `/auth","token_endpoint":"` +
		i.URL + `/token","jwks_uri":"` + i.URL + `/jwks","userinfo_endpoint":"` + i.URL +
		`/me","response_types_supported":["code"],"x-order":{"b":1.0,"a":2} }`
}

// ServeMetadata is what Metadata is at first.
func (i *Issuer) ServeMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(i.Document()))
}

// ServeKeys is what JWKS is at first.
func (i *Issuer) ServeKeys(w http.ResponseWriter, _ *http.Request) {
	var set jwkset.JWKSMarshal
	i.Keys.Range(func(kid, key any) bool {
		public := key.(crypto.Signer).Public()
		jwk, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: kid.(string), USE: jwkset.UseSig},
		})
		if err == nil {
			set.Keys = append(set.Keys, jwk.Marshal())
		}
		return true
	})
	_ = json.NewEncoder(w).Encode(set)
}

// UnknownToken is Logto's answer to a token it does not know.
func UnknownToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token"`)
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"error":"invalid_token"}`))
}

// Answer returns an endpoint that says this.
func Answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// Resource is what tokens are for unless their claims say otherwise.
const Resource = "http://127.0.0.1:3001/mcp"

// Change is what differs from a good token, by its member; nil removes one.
type Change struct {
	Header, Claims map[string]any
}

// Sign issues a good token of alice with the changes applied, signed with the key that its
// header names, or k1.
func (i *Issuer) Sign(t testing.TB, change Change) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": i.URL, "sub": "alice", "aud": Resource, "client_id": "app", "jti": "x",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": "mcp:read",
	}
	apply(claims, change.Claims)
	tok := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	tok.Header = map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
	apply(tok.Header, change.Header)
	kid, _ := tok.Header["kid"].(string)
	if _, ok := i.Keys.Load(kid); !ok {
		kid = "k1"
	}
	signed, err := tok.SignedString(i.Key(kid))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Claim issues a good token but for one claim, and Header one but for one member of its
// header; nil leaves it out.
func (i *Issuer) Claim(t testing.TB, name string, v any) string {
	t.Helper()
	return i.Sign(t, Change{Claims: map[string]any{name: v}})
}

// Header is described with Claim.
func (i *Issuer) Header(t testing.TB, name string, v any) string {
	t.Helper()
	return i.Sign(t, Change{Header: map[string]any{name: v}})
}

// Token issues a token of user for resource, without scopes.
func (i *Issuer) Token(t testing.TB, user, resource string) string {
	t.Helper()
	return i.Sign(t, Change{Claims: map[string]any{"sub": user, "aud": resource, "scope": nil}})
}

func apply(to, change map[string]any) {
	maps.Copy(to, change)
	maps.DeleteFunc(to, func(_ string, v any) bool { return v == nil })
}

// LogtoClaims is a userinfo answer as Logto gives it: nulls, objects, and
// times in milliseconds.
const LogtoClaims = `{"sub":"u1","name":"Alice Example","username":"alice","email":"alice@example.test",` +
	`"updated_at":1795384501766,"phone_number":null,"custom_data":{"team":"blue"},"roles":["mcp-user"]}`

// Memory calls the handler instead of a network, and answers like one: with an
// error once the request has ended.
type Memory struct{ Handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (m Memory) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Context().Err() == nil {
		m.Handler.ServeHTTP(rec, r)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}
