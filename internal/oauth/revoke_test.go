package oauth_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
)

// What has become of the tokens is what the provider said, and a JWT goes on until it
// expires, whatever it said.
func TestLogoutSaysWhichTokensLive(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, tc := range map[string]struct {
		resource string
		scopes   []string
		faults   devidp.Faults
		replace  http.HandlerFunc
		want     oauth.LogoutResult
		lives    bool
		failure  error
	}{
		"a JWT at Logto":              {want: oauth.LogoutResult{RefreshToken: oauth.Revoked, AccessToken: oauth.StillValid, SelfContained: true}, lives: true},
		"an opaque token":             {resource: oauth.NoResource, want: oauth.LogoutResult{RefreshToken: oauth.Revoked, AccessToken: oauth.Revoked}},
		"a JWT that was revoked":      {replace: says(http.StatusOK, ""), want: oauth.LogoutResult{RefreshToken: oauth.Revoked, AccessToken: oauth.Revoked, SelfContained: true}, lives: true},
		"no refresh token":            {scopes: []string{"openid"}, want: oauth.LogoutResult{RefreshToken: oauth.NoToken, AccessToken: oauth.StillValid, SelfContained: true}, lives: true},
		"a provider that is down":     {replace: never, want: oauth.LogoutResult{RefreshToken: oauth.StatusUnknown, AccessToken: oauth.StatusUnknown, SelfContained: true}, lives: true, failure: discovery.ErrUnavailable},
		"a provider without a way to": {faults: devidp.Faults{MetadataMembers: map[string]any{"revocation_endpoint": nil}}, want: oauth.LogoutResult{RefreshToken: oauth.StillValid, AccessToken: oauth.StillValid, SelfContained: true}, lives: true},
	} {
		inBubble(func(c *devidp.Config) { c.Faults = tc.faults }, func(t *testing.T, b *lab) {
			b.think = 0
			c, h := b.client(b.store(""), func(c *oauth.Config) { c.Key.Resource, c.Key.Scopes = tc.resource, tc.scopes })
			_, _, _ = b.call(h, "x") // the server refuses an opaque token, and the login is there
			if tc.replace != nil {
				b.replace(bubbleProvider, "/oidc/token/revocation", tc.replace)
			}
			left, err := c.Logout(t.Context(), false)
			if !errors.Is(err, tc.failure) {
				t.Errorf("%s: %v", name, err)
			}
			if time.Until(left.Expiry) != time.Hour {
				t.Errorf("%s: it ends %v", name, left.Expiry)
			}
			if lives := left.Lives(time.Now()); lives != tc.lives || left.Lives(left.Expiry) {
				t.Errorf("%s: it lives %v", name, lives)
			}
			if left.Expiry = (time.Time{}); left != tc.want {
				t.Errorf("%s: %+v", name, left)
			}
		})(t)
	}
}

// A provider that has forgotten the client revokes nothing, which keeps nobody from
// signing in again.
func TestTokensThatCannotBeRevoked(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.think = 0
		c, h := b.client(b.store(""), nil)
		_, _, _ = b.call(h, "x")
		b.replace(bubbleProvider, "/oidc/token/revocation", says(http.StatusBadRequest, `{"error":"invalid_client"}`))
		if err := c.LogoutForNewLogin(t.Context()); err != nil {
			t.Error(err)
		}
		if cred, err := c.Credential(t.Context()); err == nil && cred.HasToken() {
			t.Error("the tokens are still there")
		}
	})(t)
}
