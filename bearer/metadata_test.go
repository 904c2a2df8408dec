package bearer

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"mcp-login/test/issuer"
)

// RFC 8414 section 3.3, OpenID Connect Discovery section 4.3: metadata that
// names another issuer, or sends keys or tokens to an unprotected place, is not
// used; the caller gets 503 and not 401.
func TestUnusableMetadataIs503(t *testing.T) {
	replace := func(old, with string) func(*issuer.Issuer) {
		return func(i *issuer.Issuer) {
			i.Metadata = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(strings.Replace(i.Document(), old, with, 1)))
			}
		}
	}
	tests := map[string]func(*issuer.Issuer){
		"another issuer":       replace(`/oidc",`, `/oidc2",`),
		"issuer plus slash":    replace(`/oidc",`, `/oidc/",`),
		"member in other case": replace(`"issuer"`, `"Issuer"`),
		"duplicate issuer":     replace(`{`, `{"issuer":"x",`),
		"plain http keys":      replace(`"jwks_uri":"http://127.0.0.1`, `"jwks_uri":"http://keys.example`),
		"file URL":             replace(`"jwks_uri":"http:`, `"jwks_uri":"file:`),
		"no keys":              replace(`"jwks_uri"`, `"no"`),
		"not JSON":             func(i *issuer.Issuer) { i.Metadata = issuer.Answer(200, "<html>") },
		"redirect": func(i *issuer.Issuer) {
			i.Metadata = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, i.URL+"/elsewhere", http.StatusFound)
			}
		},
		"too large": func(i *issuer.Issuer) {
			i.Metadata = issuer.Answer(200, `{"x":"`+strings.Repeat("x", maxMetadataBytes)+`"}`)
		},
		"keys redirect": func(i *issuer.Issuer) {
			i.JWKS = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, i.URL+"/elsewhere", http.StatusFound)
			}
		},
		"keys too large": func(i *issuer.Issuer) {
			i.JWKS = issuer.Answer(200, `{"keys":[],"x":"`+strings.Repeat("x", maxKeysBytes)+`"}`)
		},
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			breakIt(i)
			s := newServer(t, i, nil)
			resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami)
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
		})
	}
}

// An issuer over https may not point to plain http, not even on this machine.
func TestEndpointsAreAsSecureAsTheIssuer(t *testing.T) {
	tests := []struct {
		issuer, endpoint string
		ok               bool
	}{
		{"https://id.example", "https://keys.example/jwks", true},
		{"https://id.example", "http://127.0.0.1/jwks", false},
		{"https://id.example", "http://id.example/jwks", false},
		{"https://id.example", "https://user:pw@id.example/jwks", false},
		{"https://id.example", "/jwks", false},
		{"http://127.0.0.1:1", "http://localhost:2/jwks", true},
		{"http://127.0.0.1:1", "http://10.0.0.1/jwks", false},
		{"http://127.0.0.1:1", "", true},
	}
	for _, tt := range tests {
		p := &provider{issuer: tt.issuer}
		if err := p.checkEndpoint(tt.endpoint); (err == nil) != tt.ok {
			t.Errorf("%s → %s: %v", tt.issuer, tt.endpoint, err)
		}
	}
}

// The second location is that of RFC 8414; a provider may have only that one.
func TestMetadataAtTheInsertedLocation(t *testing.T) {
	got, err := wellKnown("https://id.example/tenant/")
	if err != nil {
		t.Fatal(err)
	}
	want := "https://id.example/tenant/.well-known/openid-configuration " +
		"https://id.example/.well-known/oauth-authorization-server/tenant"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	i := issuer.InMemory(t)
	i.Client = &http.Client{Transport: issuer.Memory{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/oauth-authorization-server/oidc":
			i.ServeMetadata(w, r)
		case "/oidc/jwks":
			i.ServeKeys(w, r)
		default:
			http.NotFound(w, r)
		}
	})}}
	s := newServer(t, i, nil)
	if _, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{})); err != nil {
		t.Error(err)
	}
	if _, err := s.Verify(t.Context(), "opaque"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("userinfo is not served here: %v", err)
	}
}
