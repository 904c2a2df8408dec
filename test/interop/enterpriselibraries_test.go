package interop

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// enterprise is a company's provider and a whoami-server whose provider trusts it.
type enterprise struct {
	company, provider *devidp.Server
	base, callback    string
	codes             chan url.Values
}

func newEnterprise(t *testing.T) enterprise {
	t.Helper()
	e := enterprise{codes: make(chan url.Values, 1)}
	tab := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { e.codes <- r.URL.Query() }))
	t.Cleanup(tab.Close)
	e.callback = tab.URL + "/callback"
	provider := func(cfg devidp.Config) *devidp.Server {
		p, err := devidp.Start(t.Context(), "127.0.0.1:0", cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	e.company = provider(devidp.Config{Clients: []devidp.Client{{
		ID: "here", Secret: "s3cret of the company", RedirectURIs: []string{e.callback},
		GrantTypes: []string{"authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"},
	}}})
	e.provider = provider(devidp.Config{
		TokenClaims: true, TrustedIssuers: []devidp.TrustedIssuer{{Issuer: e.company.Issuer(), Keys: e.company.Keys(), IDJAG: true}},
		Clients: []devidp.Client{{ID: "there", Secret: "s3cret", GrantTypes: []string{"urn:ietf:params:oauth:grant-type:jwt-bearer"}}},
	})
	e.base = whoami(t, e.provider.Issuer())
	e.provider.AddResource(devidp.Resource{Indicator: e.base + "/mcp"})
	e.company.AddApplication(devidp.Application{
		Issuer: e.provider.Issuer(), Resources: []string{e.base + "/mcp"}, Clients: map[string]string{"here": "there"}, Denied: []string{"bob"},
	})
	return e
}

// signIn is go-sdk's login at the company, by somebody.
func (e enterprise) signIn(ctx context.Context, username string) (*oauth2.Token, error) {
	return extauth.PerformOIDCLogin(ctx, &extauth.OIDCLoginConfig{
		IssuerURL: e.company.Issuer(), RedirectURL: e.callback, Scopes: []string{"openid"}, Credentials: secretOf("here", "s3cret of the company"),
	}, func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		if _, err := devidp.Approve(ctx, http.DefaultClient, args.URL, username); err != nil {
			return nil, err
		}
		q := <-e.codes
		return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
	})
}

func secretOf(id, secret string) *oauthex.ClientCredentials {
	return &oauthex.ClientCredentials{ClientID: id, ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: secret}}
}

// go-sdk's enterprise client signs in at devidp as a company's provider, and calls whoami
// with what devidp as the server's provider gives it; bob's policy keeps him out.
func TestEnterpriseClientOfGoSDK(t *testing.T) {
	e := newEnterprise(t)
	handler := func(username string) *extauth.EnterpriseHandler {
		h, err := extauth.NewEnterpriseHandler(&extauth.EnterpriseHandlerConfig{
			IdPIssuerURL: e.company.Issuer(), IdPCredentials: secretOf("here", "s3cret of the company"),
			MCPAuthServerURL: e.provider.Issuer(), MCPResourceURI: e.base + "/mcp", MCPCredentials: secretOf("there", "s3cret"),
			IDTokenFetcher: func(ctx context.Context) (*oauth2.Token, error) { return e.signIn(ctx, username) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	callGoSDK(t, &gosdk.StreamableClientTransport{Endpoint: e.base + "/mcp", OAuthHandler: handler("alice")})
	_, err := gosdk.NewClient(&gosdk.Implementation{Name: "interop", Version: "1"}, nil).
		Connect(t.Context(), &gosdk.StreamableClientTransport{Endpoint: e.base + "/mcp", OAuthHandler: handler("bob")}, nil)
	if err == nil {
		t.Fatal("bob is in")
	}
	want(t, err.Error(), "access_denied")
	if s := e.provider.Stats(); s.Logins != 0 || s.TokenRequests["urn:ietf:params:oauth:grant-type:jwt-bearer"] != 1 {
		t.Errorf("at the server's provider: %d logins, %v", s.Logins, s.TokenRequests)
	}
}

// The TypeScript SDK's client does the same, with an ID token that it is given.
func TestEnterpriseClientOfTypeScript(t *testing.T) {
	node := real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/client")
	e := newEnterprise(t)
	for username, denied := range map[string]bool{"alice": false, "bob": true} {
		login, err := e.signIn(t.Context(), username)
		if err != nil {
			t.Fatal(err)
		}
		idToken, _ := login.Extra("id_token").(string)
		var told struct {
			Claims map[string]any `json:"claims"`
			Error  string         `json:"error"`
			Asked  []string       `json:"asked"` // paths of POST requests to providers
		}
		said := run(t, []string{"NO_PROXY=127.0.0.1", "ID_TOKEN=" + idToken}, node.Path, filepath.Join(filepath.Dir(node.Modules), "peers", "enterprise-client.mjs"), e.base+"/mcp", e.company.Issuer())
		if err := json.Unmarshal([]byte(said), &told); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		company, provider := e.company.Issuer()+"/token", e.provider.Issuer()+"/token"
		switch {
		case denied:
			want(t, told.Error, "access_denied")
		case told.Claims["email"] != "alice@example.test" || !slices.Equal(told.Asked, []string{company, provider}):
			t.Errorf("%s asked %v", said, told.Asked)
		}
	}
}
