package grant

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
)

// The certificate that a person gives is for the MCP server: a client without a secret is a
// public one, and authenticates by the certificate only where it can be nothing else.
func TestWhoAuthenticatesByCertificate(t *testing.T) {
	for _, tc := range []struct {
		listed       string
		confidential bool
		secret       string
		want         string
	}{
		{"", false, "", authNone},
		{"", true, "", authNone},
		{"tls_client_auth", false, "", authCertificate},
		{"self_signed_tls_client_auth tls_client_auth", false, "", authCertificate},
		{"tls_client_auth none", false, "", authNone},
		{"tls_client_auth client_secret_basic", false, "", authNone}, // public clients need not be listed
		{"tls_client_auth client_secret_basic", true, "", authCertificate},
		{"client_secret_basic", true, "", authNone},
		{"tls_client_auth client_secret_basic", true, "s", authBasic},
	} {
		id := Identity{ClientID: "c", ClientSecret: NewSecret(tc.secret), Certificate: true, Confidential: tc.confidential}
		server := discovery.ServerMetadata{Issuer: "https://id.example.com", TokenAuthMethods: strings.Fields(tc.listed)}
		if got := id.Registration(&server, Registration{}, "", ""); got.AuthMethod != tc.want {
			t.Errorf("%+v: %s", tc, got.AuthMethod)
		}
		id.Certificate = false
		if got := id.Registration(&server, Registration{}, "", ""); got.AuthMethod == authCertificate {
			t.Errorf("%+v: without a certificate: %s", tc, got.AuthMethod)
		}
	}
}

// A client that authenticates by a certificate which is not given does not ask: the provider
// would refuse it, and the refresh token would count as refused.
func TestCertificateThatIsNotGiven(t *testing.T) {
	requests := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{HTTP: discovery.NewGuard(server, nil, nil).HTTPClient(), Log: slog.New(slog.DiscardHandler)}
	defer c.HTTP.CloseIdleConnections()
	target := &Target{Server: discovery.ServerMetadata{TokenEndpoint: srv.URL}, Registration: Registration{ClientID: "c", AuthMethod: authCertificate}}
	_, err = c.Refresh(t.Context(), target, NewSecret("r"))
	if !errors.Is(err, ErrNotSent) || hint.Of(err) != "add --client-cert FILE" || requests != 0 {
		t.Errorf("%v, hint %q, %d requests", err, hint.Of(err), requests)
	}
}
