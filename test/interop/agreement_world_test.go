package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/MicahParks/jwkset"

	"mcp-login/internal/devidp"
)

const (
	theResource   = "http://localhost:8080/mcp" // as in the measurements of Logto
	otherResource = "http://localhost:8080/other"
	theCallback   = "http://127.0.0.1:49152/callback"
	leftAddress   = "http://127.0.0.1:49152/signed-out"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
)

// member is a client that both providers have, in the words of RFC 7591.
type member struct {
	ID              string   `json:"client_id"`
	Secret          string   `json:"client_secret,omitempty"`
	ApplicationType string   `json:"application_type"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	RedirectURIs    []string `json:"redirect_uris"`
	PostLogout      []string `json:"post_logout_redirect_uris,omitempty"`
	MustPush        bool     `json:"require_pushed_authorization_requests,omitempty"`
	MustBind        bool     `json:"dpop_bound_access_tokens,omitempty"`

	Keys *jwkset.JWKSMarshal `json:"jwks,omitempty"`
}

func codeClient(id, kind, method, secret string, redirects ...string) member {
	return member{
		ID: id, Secret: secret, ApplicationType: kind, AuthMethod: method, RedirectURIs: redirects,
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
	}
}

func otherClient(id, kind, method, secret string, grants ...string) member {
	return member{ID: id, Secret: secret, ApplicationType: kind, AuthMethod: method, GrantTypes: grants, ResponseTypes: []string{}, RedirectURIs: []string{}}
}

// world is what both providers have in common: clients, resources, users.
type world struct {
	clients []member
	key     *ecdsa.PrivateKey // of the clients with private_key_jwt
	// documents serves client ID metadata documents; caFile has its certificate.
	documents *httptest.Server
	caFile    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "key", USE: jwkset.UseSig, ALG: "ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cret& +:%" // must be encoded twice over
	leaving := codeClient("native", "native", "none", "", "http://127.0.0.1/callback", "http://localhost/callback")
	leaving.PostLogout = []string{leftAddress}
	keyed := otherClient("m2m-key", "web", "private_key_jwt", "", "client_credentials")
	signedIn := codeClient("key", "web", "private_key_jwt", "", "https://app.example/callback")
	keyed.Keys = &jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{jwk.Marshal()}}
	signedIn.Keys = keyed.Keys
	mustPush := codeClient("pushing", "native", "none", "", "http://127.0.0.1/callback")
	mustPush.MustPush = true
	mustBind := codeClient("binding", "native", "none", "", "http://127.0.0.1/callback")
	mustBind.MustBind = true
	w := &world{key: key, clients: []member{
		leaving,
		codeClient("other", "native", "none", "", "http://127.0.0.1/callback"),
		codeClient("spa", "web", "none", "", "https://app.example/callback"),
		codeClient("basic", "web", "client_secret_basic", secret, "https://app.example/callback"),
		codeClient("post", "web", "client_secret_post", secret, "https://app.example/callback"),
		otherClient("device", "native", "none", "", deviceGrant, "refresh_token"),
		otherClient("device-short", "native", "none", "", deviceGrant, "refresh_token"),
		otherClient("m2m-basic", "web", "client_secret_basic", secret, "client_credentials"),
		otherClient("m2m-post", "web", "client_secret_post", secret, "client_credentials"),
		keyed, signedIn, mustPush, mustBind,
		codeClient("nonce", "native", "none", "", "http://127.0.0.1/callback"),
	}}
	w.documents = httptest.NewUnstartedServer(http.HandlerFunc(serveDocument))
	w.documents.Config.ErrorLog = log.New(io.Discard, "", 0) // those who look at the certificate and go
	w.documents.StartTLS()
	t.Cleanup(w.documents.Close)
	w.caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.documents.Certificate().Raw})
	if err := os.WriteFile(w.caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// provider is one of the two.
type provider struct {
	world    *world
	issuer   string
	metadata map[string]any
	// strict makes rotation final at once, and short the next device code; for
	// oidc-provider there is nothing to do. So does nonces, which demands them.
	strict, short, nonces func()
	reset                 func()
}

// devidp starts ours.
func (w *world) devidp(t *testing.T) *provider {
	t.Helper()
	cfg := devidp.Config{
		Registration: true, MetadataDocuments: true, DocumentTransport: w.documents.Client().Transport,
		Resources: []devidp.Resource{{Indicator: theResource, Scopes: []string{"mcp:read", "mcp:write"}}, {Indicator: otherResource}},
	}
	for _, m := range w.clients {
		c := devidp.Client{
			ID: m.ID, Secret: m.Secret, ApplicationType: m.ApplicationType, AuthMethod: m.AuthMethod,
			GrantTypes: m.GrantTypes, RedirectURIs: m.RedirectURIs, PostLogoutRedirectURIs: m.PostLogout,
			RequirePushedRequests: m.MustPush, DPoPBound: m.MustBind,
		}
		if m.Keys != nil {
			c.Keys = []devidp.Key{{ID: "key", Public: w.key.Public()}}
		}
		cfg.Clients = append(cfg.Clients, c)
	}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	p := &provider{world: w, issuer: idp.Issuer()}
	p.strict = func() { idp.SetFaults(devidp.Faults{StrictRotation: true}) }
	p.short = func() { idp.SetFaults(devidp.Faults{DeviceTTL: -1}) }
	p.nonces = func() { idp.SetFaults(devidp.Faults{DPoPNonce: true}) }
	p.reset = func() { idp.SetFaults(devidp.Faults{}) }
	p.discover(t)
	return p
}

// oidcProvider starts the other one with the same clients and resources.
func (w *world) oidcProvider(t *testing.T) *provider {
	t.Helper()
	clients, err := json.Marshal(w.clients)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := json.Marshal(map[string]string{theResource: "mcp:read mcp:write", otherResource: ""})
	if err != nil {
		t.Fatal(err)
	}
	issuer := oidcProvider(t, "DCR=1", "CIMD=1", "SHORT=device-short", "DPOP=1", "DPOP_NONCE=nonce", "CLIENTS="+string(clients), "RESOURCES="+string(resources), "NODE_EXTRA_CA_CERTS="+w.caFile)
	nothing := func() {}
	p := &provider{world: w, issuer: issuer, strict: nothing, short: nothing, nonces: nothing, reset: nothing}
	p.discover(t)
	return p
}

func (p *provider) discover(t *testing.T) {
	t.Helper()
	a := (&party{T: t, provider: p}).get(p.issuer + "/.well-known/openid-configuration")
	if p.metadata = a.members; p.metadata["issuer"] != p.issuer {
		t.Fatalf("issuer %v, want %s", p.metadata["issuer"], p.issuer)
	}
}

// serveDocument is a host of client ID metadata documents. What is asked for
// says what it is.
func serveDocument(w http.ResponseWriter, r *http.Request) {
	self := "https://" + r.Host + r.URL.RequestURI()
	m := map[string]any{
		"client_id": self, "client_name": "An MCP client", "redirect_uris": []string{"http://127.0.0.1/callback", "https://app.example/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none", "application_type": "native",
	}
	switch r.URL.Path {
	case "/client.json":
	case "/no-type.json":
		delete(m, "application_type")
	case "/no-method.json":
		delete(m, "token_endpoint_auth_method")
	case "/another-id.json":
		m["client_id"] = self + "x"
	case "/secret.json":
		m["token_endpoint_auth_method"] = "client_secret_post"
	case "/secret-inside.json":
		m["client_secret"] = "known to all"
	case "/redirect.json":
		http.Redirect(w, r, "/client.json", http.StatusFound)
		return
	case "/no-json":
		_, _ = w.Write([]byte("<html>"))
		return
	case "/large.json":
		m["client_name"] = string(bytes.Repeat([]byte("x"), 1<<20))
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m)
}
