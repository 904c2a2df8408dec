package devidp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/devidp"
)

// Golang.org/x/oauth2 completes a login, with PKCE, resource on both
// requests and parameters in the form, and refreshes.
func TestOAuth2Library(t *testing.T) {
	r := start(t, nil)
	var code string
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { code = req.URL.Query().Get("code") }))
	t.Cleanup(app.Close)
	cfg := oauth2.Config{
		ClientID: "native", RedirectURL: app.URL + "/callback", Scopes: []string{"openid", "offline_access", "mcp:read"},
		Endpoint: oauth2.Endpoint{AuthURL: r.idp.Issuer() + "/auth", TokenURL: r.idp.Issuer() + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	ask := oauth2.SetAuthURLParam("resource", resource)
	verifier := oauth2.GenerateVerifier()
	address := cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), ask, oauth2.SetAuthURLParam("prompt", "consent"))
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := devidp.Approve(t.Context(), browser, address, "alice"); err != nil {
		t.Fatal(err)
	}
	ctx := withClient(t, browser)
	token, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier), ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.parse(token.AccessToken); err != nil || token.RefreshToken == "" || token.Extra("scope") != "mcp:read" {
		t.Errorf("%v, scope %v", err, token.Extra("scope"))
	}
	next, err := cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if next.RefreshToken == token.RefreshToken || len(next.AccessToken) != 43 {
		t.Error("the refresh token must change, and without resource the access token is opaque")
	}
	if stats := r.idp.Stats(); stats.CodeExchanges != 1 || stats.Refreshes != 1 {
		t.Errorf("%d exchanges, %d refreshes", stats.CodeExchanges, stats.Refreshes)
	}
}

// RFC 8628 section 3.5: without an interval golang.org/x/oauth2 polls every five
// seconds, until the person is done.
func TestOAuth2LibraryDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		cfg := oauth2.Config{
			ClientID: "device", Scopes: []string{"openid"},
			Endpoint: oauth2.Endpoint{DeviceAuthURL: r.idp.Issuer() + "/device/auth", TokenURL: r.idp.Issuer() + "/token", AuthStyle: oauth2.AuthStyleInParams},
		}
		ctx := withClient(t, r.http)
		answer, err := cfg.DeviceAuth(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(12*time.Second, func() {
			if _, err := devidp.Approve(ctx, r.http, answer.VerificationURIComplete, "bob"); err != nil {
				t.Error(err)
			}
		})
		token, err := cfg.DeviceAccessToken(ctx, answer)
		if err != nil {
			t.Fatal(err)
		}
		if a := r.userinfo(token.AccessToken); a.text("sub") != "bob000000001" {
			t.Errorf("sub %q", a.text("sub"))
		}
		if n := r.idp.Stats().DevicePolls; n != 3 {
			t.Errorf("%d polls", n)
		}
	})
}

// withClient makes the library use h.
func withClient(t *testing.T, h *http.Client) context.Context {
	return context.WithValue(t.Context(), oauth2.HTTPClient, h)
}
