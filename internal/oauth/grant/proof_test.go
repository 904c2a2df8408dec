package grant

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/dpop"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
)

// Each grant sends a proof by the key of the login, for the token endpoint without its query;
// revocation and device authorization, which issue no token, send none. What the provider
// answers then is bound; where nothing is to be bound, nothing is sent.
func TestTokenRequestsCarryProofs(t *testing.T) {
	proofs := map[string]string{} // thumbprints, by path and grant
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		kind := "Bearer"
		if sent := r.Header.Values("DPoP"); len(sent) > 0 {
			at, _ := url.Parse("http://" + r.Host + r.URL.Path)
			proof, err := dpop.Verify(strings.Join(sent, ","), dpop.Request{Method: r.Method, URL: at})
			if err != nil {
				t.Errorf("%s: %v", r.URL.Path, err)
			}
			proofs[r.URL.Path+" "+r.PostForm.Get("grant_type")], kind = proof.Thumbprint, "DPoP"
		}
		fmt.Fprintf(w, `{"access_token":"a","token_type":%q,"refresh_token":"r","device_code":"d","user_code":"U","verification_uri":"http://127.0.0.1/d","interval":1}`, kind)
	}))
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	guard := discovery.NewGuard(server, nil, nil)
	c := &Client{HTTP: guard.HTTPClient(), Guard: guard, Log: slog.New(slog.DiscardHandler)}
	defer c.HTTP.CloseIdleConnections()
	key := dpop.NewKey()
	target := &Target{
		Server:       discovery.ServerMetadata{Issuer: srv.URL, AuthorizationEndpoint: srv.URL + "/auth", TokenEndpoint: srv.URL + "/token?tenant=a", RevocationEndpoint: srv.URL + "/revoke", DeviceEndpoint: srv.URL + "/device"},
		Registration: Registration{Issuer: srv.URL, ClientID: "c"},
	}
	for _, bound := range []bool{true, false} {
		clear(proofs)
		if target.ProofKey = (Secret{}); bound {
			target.ProofKey = NewSecret(key.Encode())
		}
		device, err := c.AuthorizeDevice(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		_, revoked := c.Revoke(t.Context(), target, NewSecret("r"), "refresh_token")
		exchanged, err1 := c.Exchange(t.Context(), target, "code", "verifier")
		refreshed, err2 := c.Refresh(t.Context(), target, NewSecret("r"))
		asClient, err3 := c.ClientCredentials(t.Context(), target)
		polled, err4 := c.PollDevice(t.Context(), target, device)
		for i, err := range []error{revoked, err1, err2, err3, err4} {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		for i, token := range []Token{exchanged, refreshed, asClient, polled} {
			if token.Bound != bound {
				t.Errorf("token %d is bound: %v", i, token.Bound)
			}
		}
		address, err := c.AuthorizationURL(target, "verifier", "state")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(address)
		if want := map[bool]string{true: key.Thumbprint()}[bound]; u.Query().Get("dpop_jkt") != want {
			t.Errorf("dpop_jkt %q", u.Query().Get("dpop_jkt"))
		}
		want := 0
		if bound {
			want = 4
		}
		if len(proofs) != want {
			t.Errorf("bound %v: proofs %v", bound, proofs)
		}
		for at, thumbprint := range proofs {
			if !strings.HasPrefix(at, "/token ") || thumbprint != key.Thumbprint() {
				t.Errorf("%s: a proof by %s", at, thumbprint)
			}
		}
	}
}

// What a provider answers to proofs, and what that means for the token.
func TestAnswersToProofs(t *testing.T) {
	key := NewSecret(dpop.NewKey().Encode())
	for name, tc := range map[string]struct {
		key       Secret
		only      bool
		tokenType string
		bound     bool
		fails     string
	}{
		"bound":                     {key, false, "DPoP", true, ""},
		"in another case":           {key, true, " dpop", true, ""},
		"a bearer token":            {key, false, "Bearer", false, ""},
		"a bearer token, required":  {key, true, "Bearer", false, "a bearer token"},
		"no type, required":         {key, true, "", false, "a bearer token"},
		"bound to another proof":    {key, false, "pop", false, `"pop" is not supported`},
		"bound, without our asking": {Secret{}, false, "DPoP", false, `"DPoP" is not supported`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"access_token":"a","token_type":"`+tc.tokenType+`"}`)
			}))
			defer srv.Close()
			server, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := &Client{HTTP: discovery.NewGuard(server, nil, nil).HTTPClient(), Log: slog.New(slog.DiscardHandler)}
			defer c.HTTP.CloseIdleConnections()
			target := &Target{Server: discovery.ServerMetadata{TokenEndpoint: srv.URL}, ProofKey: tc.key, BoundOnly: tc.only}
			token, err := c.Exchange(t.Context(), target, "code", "verifier")
			if token.Bound != tc.bound || (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("bound %v, %v", token.Bound, err)
			}
		})
	}
}

// Nonces are those of one origin, latest first, and bounded.
func TestNoncesAreBounded(t *testing.T) {
	var p Proofs
	for i := range 1000 {
		target := &url.URL{Scheme: "https", Host: fmt.Sprintf("h%d.example", i)}
		p.Learn(target, "n")
		if got := p.Learn(target, "latest"); got != "latest" || p.nonces[originOf(target)] != "latest" || len(p.nonces) > maxNonces {
			t.Fatalf("%q, %d kept", got, len(p.nonces))
		}
	}
	if _, err := p.Key(NewSecret("secret-that-is-none")); err == nil || strings.Contains(err.Error(), "secret-that") {
		t.Error(err)
	}
}

// A provider that refuses proofs, or asks for nonces without end, is an error in words. A refresh
// that was refused for want of a nonce has spent nothing: it is sent twice at most, and the
// provider counts as one that cannot be asked. So has one whose proof was refused, by a clock that
// is wrong: that is no refusal of the client either, whatever the status.
func TestProviderRefusesProofs(t *testing.T) {
	for code, tc := range map[string]struct {
		status, nonces, requests int
		hint                     string
		lost                     bool // whether the refresh token is
	}{
		dpop.ErrUseNonce:  {http.StatusBadRequest, 1000, 2, "again and again", false},
		"use_dpop_nonce ": {http.StatusBadRequest, 0, 1, "", true}, // no such code
		dpop.ErrorCode:    {http.StatusUnauthorized, 0, 1, "clock", false},
	} {
		t.Run(code, func(t *testing.T) {
			requests := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests++; requests <= tc.nonces {
					w.Header().Set("DPoP-Nonce", fmt.Sprint("nonce-", requests))
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, `{"error":"`+code+`"}`)
			}))
			defer srv.Close()
			server, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := &Client{HTTP: discovery.NewGuard(server, nil, nil).HTTPClient(), Log: slog.New(slog.DiscardHandler)}
			defer c.HTTP.CloseIdleConnections()
			reg := Registration{ClientID: "client", ClientSecret: NewSecret("secret"), AuthMethod: authPost}
			target := &Target{Server: discovery.ServerMetadata{TokenEndpoint: srv.URL}, Registration: reg, ProofKey: NewProofKey(), BoundOnly: true}
			_, err = c.Refresh(t.Context(), target, NewSecret("r"))
			if requests != tc.requests || errors.Is(err, discovery.ErrUnavailable) == tc.lost || !strings.Contains(hint.Of(err), tc.hint) || errors.As(err, new(*LostAnswerError)) {
				t.Errorf("%d requests, %v (%s)", requests, err, hint.Of(err))
			}
			requests = 0
			if _, err = c.Exchange(t.Context(), target, "code", "verifier"); requests != tc.requests || !strings.Contains(hint.Of(err), tc.hint) {
				t.Errorf("%d requests, %v (%s)", requests, err, hint.Of(err))
			}
		})
	}
}
