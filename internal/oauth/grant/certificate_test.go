package grant

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
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

// A provider that refuses how a client proves itself, by a certificate or an assertion that has
// ended or a clock that is wrong, has not looked at the refresh token. Of other clients it has
// forgotten them, and a sign-in is what helps.
func TestRefusedClientAtRefresh(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
	}))
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	via := discovery.NewGuard(server, nil, nil).HTTPClient()
	defer via.CloseIdleConnections()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{
		HTTP: via, MutualTLS: via, Log: slog.New(slog.DiscardHandler), Key: &ClientKey{signer: private}, SignInAgain: "mcp-login login --again",
		Assertion: func(context.Context, discovery.Provider) (Secret, error) { return NewSecret("a.b.c"), nil },
	}
	for method, kept := range map[string]bool{authCertificate: true, authKey: true, authAssertion: true, authNone: false, authPost: false} {
		reg := Registration{ClientID: "c", AuthMethod: method}
		_, err := c.Refresh(t.Context(), &Target{Server: discovery.ServerMetadata{TokenEndpoint: srv.URL}, Registration: reg}, NewSecret("r"))
		var refused *Error
		if errors.Is(err, discovery.ErrUnavailable) != kept || !errors.As(err, &refused) || refused.Code != "invalid_client" || !strings.Contains(refused.Hint, "does not accept this client") || kept && !strings.HasSuffix(refused.Hint, "login --again") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// A client that cannot authenticate any more does not wait for the person in vain.
func TestDeviceLoginOfAClientWithoutItsCertificate(t *testing.T) {
	c := &Client{Log: slog.New(slog.DiscardHandler)}
	target := &Target{Registration: Registration{ClientID: "c", AuthMethod: authCertificate}}
	if _, err := c.PollDevice(t.Context(), target, Device{code: "d"}); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
}
