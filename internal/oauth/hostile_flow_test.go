package oauth_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
)

// A code whose life the provider does not say, or says as none, lives until the
// login ends or the provider says so.
func TestDeviceCodeLifetimeIsBounded(t *testing.T) {
	for name, life := range map[string]any{"missing": nil, "zero": 0, "negative": -5, "tiny exponent": 0e-300, "an hour": 3600} {
		t.Run(name, inBubble(func(c *devidp.Config) { c.Faults.DeviceMembers = map[string]any{"expires_in": life} }, func(t *testing.T, b *lab) {
			b.device = oauth.DeviceAlways
			b.think = 12 * time.Second
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
		}))
	}
}

// A question for the token that is never answered ends by itself, and the next one
// is answered: a connection that a NAT has forgotten does not cost the login.
func TestSilentDeviceEndpointEnds(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		var asked atomic.Bool
		b.wire.before(bubbleProvider, func(_ http.ResponseWriter, r *http.Request) bool {
			silent := r.URL.Path == "/oidc/token" && !asked.Swap(true)
			if silent {
				<-r.Context().Done()
			}
			return silent
		})
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
	})(t)
}

// Hostile answers to a refresh: what is no token for us is no login, what is shown
// is bounded, and the refresh token that works is not lost.
func TestOddRefreshAnswers(t *testing.T) {
	const other = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5IiwiZW1haWwiOiJtYWxsb3J5QGV2aWwuZXhhbXBsZSIsImlzcyI6Imh0dHBzOi8vZXZpbC5leGFtcGxlIiwiYXVkIjoiZXZpbCJ9.x"
	for name, tc := range map[string]struct {
		members map[string]any
		fails   bool
	}{
		"another kind of token":           {map[string]any{"token_type": "mac"}, true},
		"DPoP":                            {map[string]any{"token_type": "DPoP"}, true},
		"no kind":                         {map[string]any{"token_type": nil}, false},
		"a megabyte of scopes":            {map[string]any{"scope": strings.Repeat("s ", 500_000)}, false},
		"one endless scope":               {map[string]any{"scope": strings.Repeat("s", 900_000)}, false},
		"more than a megabyte":            {map[string]any{"scope": strings.Repeat("s ", 600_000)}, true},
		"an ID token of somebody else":    {map[string]any{"id_token": other}, false},
		"an ID token that is none":        {map[string]any{"id_token": "x\r\ny"}, false},
		"a refresh token in many lines":   {map[string]any{"refresh_token": "x\r\nAuthorization: y"}, false},
		"an access token over all bounds": {map[string]any{"access_token": strings.Repeat("a", 70_000)}, true},
		"a life before its beginning":     {map[string]any{"expires_in": -1e300}, false},
	} {
		t.Run(name, signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
			before := b.stored(s)
			b.idp.SetFaults(devidp.Faults{RefreshMembers: tc.members})
			tabs := b.tabs.Load()
			_, h := b.client(s, func(c *oauth.Config) { c.Listen = nil }) // nobody can be asked
			_, _, err := b.call(h, "1")
			after := b.stored(s)
			if (err != nil) != tc.fails || b.tabs.Load() != tabs {
				t.Errorf("%v, %d tabs", err, b.tabs.Load()-tabs)
			}
			if err != nil && (len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\r\x1b")) {
				t.Errorf("the error: %.200q", err)
			}
			if after.Account != before.Account || len(after.GrantedScopes) > 3000 || len(strings.Join(after.GrantedScopes, "")) > 10_000 || after.TokenType != "Bearer" {
				t.Errorf("kept: %s, %d scopes, %s", after.Account, len(after.GrantedScopes), after.TokenType)
			}
			if tc.fails && after.AccessToken != before.AccessToken {
				t.Error("another access token is kept")
			}
		}))
	}
}

// What a provider's metadata says after the login moves none of its secrets: they
// are refreshed and revoked where they were issued, and a new login reads it again.
func TestMetadataThatMoves(t *testing.T) {
	signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
		const evil = "127.0.0.1:9666"
		b.wire.hosts[evil] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s went there", r.Method, r.URL.Path) })
		b.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"token_endpoint": "http://" + evil + "/token", "revocation_endpoint": "http://" + evil + "/revoke", "registration_endpoint": "http://" + evil + "/register"}})
		c, h := b.client(s, nil)
		b.mustCall(h, "1")
		if _, err := c.Logout(context.Background(), true); err != nil && !strings.Contains(err.Error(), "delete the registration") {
			t.Error(err)
		}
	})(t)
}

// Lists of authorization servers that name none, nobody, or the same one without
// end: an error that says so, nothing registered, nobody asked.
func TestHostileListOfAuthorizationServers(t *testing.T) {
	for name, list := range map[string]string{
		"an empty name": `[""]`, "empty names": `["","",""]`, "a blank": `[" "]`, "a number": `[7]`, "null": `[null]`, "none": `[]`, "an object": `{"0":"http://127.0.0.1:9001/oidc"}`,
		"a fragment": `["http://127.0.0.1:9001/oidc#"]`, "a query": `["http://127.0.0.1:9001/oidc?"]`, "a slash more": `["http://127.0.0.1:9001/oidc/"]`, "another case": `["http://127.0.0.1:9001/OIDC"]`, "an encoded letter": `["http://127.0.0.1:9001/%6fidc"]`,
		"dots": `["http://127.0.0.1:9001/x/../oidc"]`, "another name": `["http://localhost:9001/oidc"]`, "a user": `["http://x@127.0.0.1:9001/oidc"]`, "the sixth": `["","","","","","http://127.0.0.1:9001/oidc"]`,
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			b.replace(bubbleServer, "/.well-known/oauth-protected-resource/mcp", says(http.StatusOK, `{"resource":"http://`+bubbleServer+`/mcp","authorization_servers":`+list+`}`))
			b.wire.hosts["localhost:9001"] = b.wire.hosts[bubbleProvider]
			_, h := b.client(b.store(""), nil)
			_, _, err := b.call(h, "1")
			if err == nil || strings.Contains(err.Error(), "authorization_endpoint") || b.tabs.Load() != 0 || b.idp.Stats().Registrations != 0 {
				t.Errorf("%d tabs, %d registrations: %v", b.tabs.Load(), b.idp.Stats().Registrations, err)
			}
		}))
	}
}
