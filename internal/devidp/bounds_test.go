package devidp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/dpop"
)

func small(t *testing.T, cfg Config) *Provider {
	t.Helper()
	p, err := New("http://127.0.0.1:3002/oidc", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func serve(t *testing.T, p *Provider, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:3002"+target, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	p.ServeHTTP(w, r)
	return w
}

// No table grows beyond its limit, whatever strangers send, and what they
// register does not push out the clients of the configuration.
func TestTablesAreBounded(t *testing.T) {
	p := small(t, Config{Registration: true, Clients: []Client{
		{ID: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}}, {ID: "device", DeviceFlow: true},
	}})
	login := "/oidc/auth?client_id=native&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&response_type=code&scope=openid&code_challenge_method=S256&code_challenge=" + strings.Repeat("c", 43)
	for i := range maxPending + 10 {
		serve(t, p, http.MethodGet, login, "")
		serve(t, p, http.MethodPost, "/oidc/device/auth", "client_id=device&scope=openid")
		serve(t, p, http.MethodPost, "/oidc/reg", `{"redirect_uris":["https://a.example/"]}`)
		serve(t, p, http.MethodGet, fmt.Sprintf("/path/%d", i), "")
	}
	if n := len(p.interactions); n != maxPending {
		t.Errorf("%d interactions", n)
	}
	if n := len(p.devices); n != maxPending {
		t.Errorf("%d devices", n)
	}
	if n, order := len(p.clients), len(p.dynamic); n != maxDynamic+2 || order != maxDynamic {
		t.Errorf("%d clients, %d of them registered", n, order)
	}
	if _, kept := p.clients["native"]; !kept {
		t.Error("a client of the configuration was pushed out")
	}
	stats := p.Stats()
	if len(stats.Paths) != maxPaths+1 || stats.Paths["other"] == 0 {
		t.Errorf("%d paths counted", len(stats.Paths))
	}
	stats.Paths["mine"]++
	if p.Stats().Paths["mine"] != 0 {
		t.Error("Stats is no copy")
	}
}

// Nor do the tables of metadata documents and of used assertions. Those are not forgotten
// before their end: in a full table no other is taken.
func TestClientTablesAreBounded(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := Client{ID: "keyed", Keys: []Key{{Public: key.Public()}}, GrantTypes: []string{grantClient}}
	p := small(t, Config{MetadataDocuments: true, DocumentTransport: documentOfAnybody{}})
	for i := range maxDocuments + 10 {
		if _, refusal := p.client(t.Context(), fmt.Sprintf("https://client.example/%d.json", i), true); refusal != nil {
			t.Fatal(refusal.description)
		}
	}
	for i := range maxEntries {
		p.assertions[fmt.Sprint(i)], p.proofs[fmt.Sprint(i)] = in(time.Hour), in(time.Hour)
	}
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "keyed", "sub": "keyed", "aud": p.issuer, "jti": "j", "exp": time.Now().Add(time.Minute).Unix(),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	if p.asserted(client.withDefaults(), assertion, "") || len(p.assertions) != maxEntries {
		t.Errorf("one more is taken; %d assertions", len(p.assertions))
	}
	p.assertions["0"] = in(-time.Second)
	if !p.asserted(client.withDefaults(), assertion, "") || p.asserted(client.withDefaults(), assertion, "") {
		t.Error("where another has ended it is not taken once")
	}
	if len(p.documents) != maxDocuments || len(p.assertions) != maxEntries || len(p.proofs) != maxEntries {
		t.Errorf("%d documents, %d assertions, %d proofs", len(p.documents), len(p.assertions), len(p.proofs))
	}
}

// A proof is remembered with a token that is known, not with what a stranger makes up.
func TestProofsOfStrangersAreNotKept(t *testing.T) {
	p := small(t, Config{})
	known := p.store(p.access, &grant{user: p.cfg.Users[0]}, []string{"openid"}, "", in(time.Hour))
	for _, token := range []string{"made-up", known} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, p.issuer+"/me", http.NoBody)
		if err := dpop.NewKey().Sign(r, token, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		want := 0
		if token == known {
			want = 1
		}
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "invalid_token") || len(p.proofs) != want {
			t.Errorf("%s: status %d, %s, %d remembered", token, w.Code, w.Body, len(p.proofs))
		}
	}
}

// documentOfAnybody answers every address with a document for it.
type documentOfAnybody struct{}

func (documentOfAnybody) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"client_id":"` + r.URL.String() + `","redirect_uris":["http://127.0.0.1/"],"token_endpoint_auth_method":"none"}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// In a full table what has ended goes first.
func TestRoomForNew(t *testing.T) {
	table := map[string]expiry{}
	for i := range 10 {
		table[fmt.Sprint(i)] = in(time.Duration(i%2*2-1) * time.Hour)
	}
	makeRoom(table, 10)
	_, one := table["1"]
	if _, zero := table["0"]; len(table) != 5 || !one || zero {
		t.Errorf("%d left", len(table))
	}
	makeRoom(table, 3)
	if len(table) != 2 {
		t.Errorf("%d left where three are too many", len(table))
	}
}

// Access tokens, refresh tokens and codes have the larger limit.
func TestTokenTablesAreBounded(t *testing.T) {
	p := small(t, Config{})
	g := &grant{user: p.cfg.Users[0]}
	for range maxEntries + 10 {
		p.store(p.access, g, nil, "", in(time.Hour))
		p.store(p.refresh, g, nil, "", in(time.Hour))
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:3002/sign-in", http.NoBody)
	for range maxEntries + 10 {
		p.signedIn(w, r, request{redirectURI: "http://127.0.0.1/", scopes: []string{"openid"}}, p.cfg.Users[0])
	}
	if len(p.access) != maxEntries || len(p.refresh) != maxEntries || len(p.codes) != maxEntries {
		t.Errorf("%d access tokens, %d refresh tokens, %d codes", len(p.access), len(p.refresh), len(p.codes))
	}
}

// The log warns at start, and holds no code, token, verifier or state.
func TestLogHasNoSecrets(t *testing.T) {
	var log bytes.Buffer
	s, err := Start(t.Context(), "127.0.0.1:0", Config{
		Clients: []Client{{ID: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
		Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "never use it in production") {
		t.Errorf("at start: %s", log.String())
	}
	form := url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}, "refresh_token": {"hush"}, "code": {"hush"}, "code_verifier": {"hush"}}
	serve(t, s.Provider, http.MethodPost, "/oidc/token", form.Encode())
	serve(t, s.Provider, http.MethodGet, "/oidc/auth?client_id=native&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&state=hush&code_challenge=hush", "")
	if strings.Count(log.String(), "request refused") != 2 || strings.Contains(log.String(), "hush") {
		t.Errorf("refusals: %s", log.String())
	}
}
