package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdjson "encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/test/binary"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// testIssuer is a small OpenID provider: metadata, keys and userinfo.
type testIssuer struct {
	url    string
	keys   sync.Map     // kid → crypto.Signer
	client *http.Client // nil: any reaches it

	metadataCalls, keyCalls, userinfoCalls, introspectionCalls atomic.Int64

	// Each may be replaced before the first request.
	metadata http.HandlerFunc
	jwks     http.HandlerFunc
	userinfo http.HandlerFunc

	introspection http.HandlerFunc // see introspect
}

// newTestIssuer returns an issuer that answers at its own loopback address.
func newTestIssuer(t testing.TB) *testIssuer {
	t.Helper()
	i := &testIssuer{}
	i.init(t)
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	i.url = srv.URL + "/oidc"
	return i
}

// simulated runs f where time is simulated, with an issuer that is reached without a
// network, and a server for it.
func simulated(t *testing.T, change func(*Config), f func(*testing.T, *testIssuer, *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := newMemoryIssuer(t)
		f(t, i, newServer(t, i, change))
	})
}

// newMemoryIssuer returns an issuer that is reached by its client alone.
func newMemoryIssuer(t *testing.T) *testIssuer {
	t.Helper()
	i := &testIssuer{url: "http://127.0.0.1/oidc"}
	i.client = &http.Client{Transport: inMemory{i}}
	i.init(t)
	return i
}

func (i *testIssuer) init(t testing.TB) {
	t.Helper()
	i.addKey(t, "k1")
	i.metadata, i.jwks, i.userinfo = i.serveMetadata, i.serveKeys, serveUnknownToken
}

func (i *testIssuer) addKey(t testing.TB, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.keys.Store(kid, crypto.Signer(key))
}

func (i *testIssuer) key(kid string) crypto.Signer {
	k, _ := i.keys.Load(kid)
	return k.(crypto.Signer)
}

func (i *testIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/oidc/.well-known/openid-configuration":
		i.metadataCalls.Add(1)
		i.metadata(w, r)
	case "/oidc/jwks":
		i.keyCalls.Add(1)
		i.jwks(w, r)
	case "/oidc/me":
		i.userinfoCalls.Add(1)
		i.userinfo(w, r)
	case "/oidc/introspect":
		i.introspectionCalls.Add(1)
		i.introspection(w, r)
	default:
		http.NotFound(w, r)
	}
}

// document has odd spacing and an unknown member on purpose: it is relayed
// byte for byte.
func (i *testIssuer) document() string {
	return `{ "issuer":"` + i.url + `",  "authorization_endpoint":"` + i.url + `/auth","token_endpoint":"` +
		i.url + `/token","jwks_uri":"` + i.url + `/jwks","userinfo_endpoint":"` + i.url +
		`/me","response_types_supported":["code"],"x-order":{"b":1.0,"a":2} }`
}

func (i *testIssuer) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(i.document()))
}

func (i *testIssuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	var set jwkset.JWKSMarshal
	i.keys.Range(func(kid, key any) bool {
		public := key.(crypto.Signer).Public()
		jwk, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: kid.(string), USE: jwkset.UseSig},
		})
		if err == nil {
			set.Keys = append(set.Keys, jwk.Marshal())
		}
		return true
	})
	_ = stdjson.NewEncoder(w).Encode(set)
}

// serveUnknownToken is Logto's answer to a token it does not know.
func serveUnknownToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token"`)
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"error":"invalid_token"}`))
}

// answer returns a userinfo endpoint that says this.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const testResource = "http://127.0.0.1:3001/mcp"

// tokenParts describes a JWT; the zero value of valid is a good one.
type tokenParts struct {
	header map[string]any
	claims map[string]any
}

// token issues a good token with the changes applied, signed with the key that its
// header names, or k1; nil removes a member.
func (i *testIssuer) token(t testing.TB, change tokenParts) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": i.url, "sub": "alice", "aud": testResource, "client_id": "app", "jti": "x",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": "mcp:read",
	}
	apply(claims, change.claims)
	tok := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	tok.Header = map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
	apply(tok.Header, change.header)
	kid, _ := tok.Header["kid"].(string)
	if _, ok := i.keys.Load(kid); !ok {
		kid = "k1"
	}
	signed, err := tok.SignedString(i.key(kid))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func apply(to, change map[string]any) {
	maps.Copy(to, change)
	maps.DeleteFunc(to, func(_ string, v any) bool { return v == nil })
}

// inMemory calls the handler instead of a network, and answers like one: with an
// error once the request has ended.
type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Context().Err() == nil {
		m.handler.ServeHTTP(rec, r)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Server is a resource for an issuer with a handler behind it that says who calls.
type Server struct {
	*Resource
	http.Handler
}

// sayClaims answers as an MCP server would.
func sayClaims(w http.ResponseWriter, r *http.Request) {
	id, _ := IdentityFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = stdjson.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "result": map[string]any{"structuredContent": id.Claims}})
}

// newServer returns one, closed with the test.
func newServer(t testing.TB, i *testIssuer, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Resource: mustURL(t, testResource), Audiences: []string{"http://127.0.0.1:3001/sse"}, Issuer: i.url,
		Scopes: []string{"openid", "profile", "email"}, RelayIssuerMetadata: true, HTTP: i.client,
	}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return &Server{r, r.Middleware(http.HandlerFunc(sayClaims))}
}

// request is a request as a client sends it: "" for a token or a Content-Type is none.
func request(method, target, token string, body io.Reader, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Host = "127.0.0.1:3001"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if r.ContentLength != 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for k := 0; k+1 < len(header); k += 2 {
		switch name, value := header[k], header[k+1]; {
		case name == "Host":
			r.Host = value
		case name == "Content-Type" && value == "":
			r.Header.Del(name)
		case name == "Content-Type":
			r.Header.Set(name, value)
		default:
			r.Header.Add(name, value)
		}
	}
	return r
}

// serve gives a request straight to the handler.
func serve(s http.Handler, r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Result()
}

// call does both.
func call(s http.Handler, method, target, token, body string, header ...string) *http.Response {
	return serve(s, request(method, target, token, strings.NewReader(body), header...))
}

const callWhoami = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`

// syncBuffer is a log that may be written to from anywhere.
type syncBuffer struct{ binary.Output }

func (b *syncBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// bearerChallenge parses the answer's challenge with another implementation.
func bearerChallenge(t *testing.T, resp *http.Response) map[string]string {
	t.Helper()
	parsed, err := oauthex.ParseWWWAuthenticate(resp.Header.Values("WWW-Authenticate"))
	if err != nil || len(parsed) != 1 || !strings.EqualFold(parsed[0].Scheme, "bearer") {
		t.Fatalf("challenge %q: %v, %v", resp.Header.Values("WWW-Authenticate"), parsed, err)
	}
	return parsed[0].Params
}

func errorCode(t *testing.T, resp *http.Response) string {
	t.Helper()
	var doc struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := stdjson.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Description == "" {
		t.Fatalf("body %+v: %v", doc, err)
	}
	return doc.Error
}
