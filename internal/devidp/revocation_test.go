package devidp_test

import (
	"net/url"
	"testing"

	"mcp-login/internal/devidp"
)

// Logto, RFC 7009: 200 without text for any token but a JWT, an effect on the
// client's own tokens only; with either kind the whole login ends.
func TestRevocationEndsTheWholeLogin(t *testing.T) {
	r := start(t, nil)
	revoke := func(client, token string) answer {
		return r.post(r.idp.Issuer()+"/token/revocation", url.Values{"client_id": {client}, "token": {token}})
	}
	a := r.login()
	for _, ineffective := range [][2]string{{"other", a.text("access_token")}, {"other", a.text("refresh_token")}, {"native", "unknown"}} {
		if got := revoke(ineffective[0], ineffective[1]); got.status != 200 || got.body != "" {
			t.Errorf("status %d, body %q", got.status, got.body)
		}
	}
	if got := r.userinfo(a.text("access_token")); got.status != 200 {
		t.Fatalf("revoked by another: status %d", got.status)
	}
	revoke("native", a.text("access_token"))
	if got := r.userinfo(a.text("access_token")); got.status != 401 {
		t.Errorf("access token: status %d", got.status)
	}
	r.refresh(a.text("refresh_token")).wantError(400, "invalid_grant")
	b := r.login()
	revoke("native", b.text("refresh_token"))
	r.refresh(b.text("refresh_token")).wantError(400, "invalid_grant")
	if got := r.userinfo(b.text("access_token")); got.status != 401 {
		t.Errorf("access token of the revoked grant: status %d", got.status)
	}
	revoke("native", b.text("refresh_token"))
	if n := r.idp.Stats().Revocations; n != 6 {
		t.Errorf("%d revocations counted", n)
	}
}

// Logto, RFC 7662: a public client may look at its own opaque tokens; those of
// others look unknown.
func TestTokensOfOthersLookUnknown(t *testing.T) {
	r := start(t, nil)
	introspect := func(client, token string) map[string]any {
		a := r.post(r.idp.Issuer()+"/token/introspection", url.Values{"client_id": {client}, "token": {token}})
		if a.status != 200 {
			t.Fatalf("status %d", a.status)
		}
		return a.members()
	}
	a := r.login()
	m := introspect("native", a.text("access_token"))
	if m["active"] != true || m["sub"] != "alice0000001" || m["client_id"] != "native" || m["iss"] != r.idp.Issuer() || m["scope"] != "openid profile offline_access" || m["token_type"] != "Bearer" || m["iat"] == nil {
		t.Errorf("own access token: %v", m)
	}
	if m := introspect("native", a.text("refresh_token")); m["active"] != true {
		t.Errorf("own refresh token: %v", m)
	}
	r.refresh(a.text("refresh_token"))
	for name, m := range map[string]map[string]any{
		"another's":       introspect("other", a.text("access_token")),
		"unknown":         introspect("native", "unknown"),
		"rotated refresh": introspect("native", a.text("refresh_token")),
	} {
		if m["active"] != false || len(m) != 1 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

// Logto: JWTs can be neither revoked nor introspected, and nobody can without a
// client and a token.
func TestRevocationErrors(t *testing.T) {
	r := start(t, nil)
	jwt := r.issue(devidp.TokenRequest{ClientID: "native", Resource: resource})
	for _, path := range []string{"/token/revocation", "/token/introspection"} {
		r.post(r.idp.Issuer()+path, url.Values{"client_id": {"native"}, "token": {jwt}}).wantError(400, "unsupported_token_type")
		r.post(r.idp.Issuer()+path, url.Values{"token": {"x"}}).wantError(400, "invalid_request")
		r.post(r.idp.Issuer()+path, url.Values{"client_id": {"native"}}).wantError(400, "invalid_request")
	}
}
