package oauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// After a login the server names another authorization server. What
// belongs to the first one, client, secret and refresh token, is never presented
// to the second: a dynamic client registers anew, a given one is an error.
func TestAnotherAuthorizationServerGetsNothing(t *testing.T) {
	const second, issuer = "127.0.0.1:9004", "http://127.0.0.1:9004/oidc"
	for _, given := range []bool{false, true} {
		inBubble(func(c *devidp.Config) {
			c.Clients = []devidp.Client{{ID: "given-at-the-first", Secret: "secret-of-the-first", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
		}, func(t *testing.T, b *lab) {
			other, err := devidp.New(issuer, devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: b.server().String(), Scopes: []string{"mcp:read"}}}})
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			b.wire.hosts[second] = other
			b.wire.before(second, func(_ http.ResponseWriter, r *http.Request) bool {
				_ = r.ParseForm()
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				told += fmt.Sprint(r.URL, r.Header, r.PostForm, string(body), "\n")
				return false
			})
			s := b.store("")
			change := func(c *oauth.Config) {
				if given {
					c.Identity = grant.Identity{ClientID: "given-at-the-first", ClientSecret: grant.NewSecret("secret-of-the-first")}
				}
			}
			_, h := b.client(s, change)
			b.mustCall(h, "1")
			before, now := b.stored(s), issuer
			b.res.issuer.Store(&now)
			b.res.revokeSeen()
			b.idp.SetFaults(devidp.Faults{TokenErrors: []string{"invalid_grant"}})
			_, again := b.client(s, change)
			status, _, err := b.call(again, "2")
			if given && (err == nil || !strings.Contains(err.Error(), "belongs to")) || !given && (err != nil || status != http.StatusOK) {
				t.Errorf("given %v: status %d, %v", given, status, err)
			}
			for what, secret := range map[string]string{
				"client": before.Registration.ClientID, "client secret": before.Registration.ClientSecret.Reveal(),
				"refresh token": before.RefreshToken.Reveal(), "access token": before.AccessToken.Reveal(),
			} {
				if secret != "" && strings.Contains(told, secret) {
					t.Errorf("given %v: the second server was told the %s", given, what)
				}
			}
			if told == "" {
				t.Error("the second server was not asked")
			}
		})(t)
	}
}

// Endpoints with plain http elsewhere than on this machine are never
// asked. Those that a login needs end it before anything is registered, and are
// named; the others are left out.
func TestPlainHTTPIsRefused(t *testing.T) {
	inBubble(nil, func(t *testing.T, l *lab) {
		for _, member := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint"} {
			l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{member: "http://provider.example/x"}})
			_, h := l.client(l.store(""), nil)
			if _, _, err := l.call(h, "x"); err == nil || !strings.Contains(err.Error(), member) {
				t.Errorf("%s: %v", member, err)
			}
		}
		if n := l.idp.Stats().Registrations; l.tabs.Load() != 0 || n != 0 {
			t.Errorf("%d opened, %d registrations", l.tabs.Load(), n)
		}
		for _, member := range []string{"revocation_endpoint", "device_authorization_endpoint", "end_session_endpoint"} {
			for _, value := range []any{"http://provider.example/x", "/x", 1, map[string]any{"a": "https://provider.example/x"}, []string{"https://provider.example/x"}} {
				l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{member: value}})
				c, h := l.client(l.store(""), nil)
				if _, _, err := l.call(h, "x"); err != nil {
					t.Errorf("%s %v: %v", member, value, err)
				}
				cred, err := c.Credential(t.Context())
				if m := cred.Metadata; err != nil || m.RevocationEndpoint == value || m.DeviceEndpoint == value || m.EndSessionEndpoint == value {
					t.Errorf("%s %v is kept: %v", member, value, err)
				}
				if _, err := c.Logout(t.Context(), false); err != nil { // nothing is sent there
					t.Errorf("%s %v: logout: %v", member, value, err)
				}
			}
		}
	})(t)
}

// That a provider does not offer PKCE with S256 is said like all that discovery finds:
// without another sentence around it.
func TestProviderWithoutS256IsSaidAlone(t *testing.T) {
	inBubble(func(c *devidp.Config) {
		c.Faults.MetadataMembers = map[string]any{"code_challenge_methods_supported": []string{"plain"}}
	}, func(t *testing.T, b *lab) {
		_, h := b.client(b.store(""), nil)
		_, _, err := b.call(h, "x")
		var own *grant.Error
		if !errors.As(err, &own) || !strings.Contains(own.Error(), "S256") || strings.Contains(own.Error(), "sign in to") || own.UserHint() == "" {
			t.Errorf("%v", err)
		}
	})(t)
}

// Metadata that names the address of a cloud's metadata service is not
// followed: the connection is refused before it is made.
func TestMetadataServiceOfACloudIsNotAsked(t *testing.T) {
	l := newNetworkLab(t, nil)
	for _, endpoint := range []string{"https://169.254.169.254/token", "https://[::ffff:169.254.169.254]/token", "https://[64:ff9b::a9fe:a9fe]/token", "https://[fe80::1]/token"} {
		l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"token_endpoint": endpoint}})
		_, h := l.client(l.store(""), nil)
		if _, _, err := l.call(h, "x"); err == nil || !strings.Contains(err.Error(), "refused to connect") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// The resource in the metadata is on another origin, or shares a prefix
// that is no path segment: nobody is asked.
func TestForeignResourceEndsTheLogin(t *testing.T) {
	const base = "http://" + bubbleServer
	for _, resource := range []string{"https://evil.example/mcp", base + "/mc", base + "/mcpx", base + "/mcp/more", base + "/other", base + ".evil.example/mcp", "http://localhost:1/mcp", ""} {
		inBubble(nil, func(t *testing.T, b *lab) {
			b.replace(bubbleServer, "/.well-known/oauth-protected-resource/mcp", says(http.StatusOK, `{"resource":"`+resource+`","authorization_servers":["`+b.idp.Issuer()+`"]}`))
			_, h := b.client(b.store(""), nil)
			if _, _, err := b.call(h, "x"); hint.Of(err) == "" {
				t.Errorf("%q: %v", resource, err)
			}
			if n := b.idp.Stats().Authorizations; n != 0 || b.tabs.Load() != 0 {
				t.Errorf("%q: %d authorization requests", resource, n)
			}
		})(t)
	}
}

// A server that needs no login may have well-known addresses that hang:
// they are not asked.
func TestDiscoveryWaitsForARefusal(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.wire.before(bubbleServer, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/mcp" {
				t.Errorf("%s is asked", r.URL.Path)
			}
			return true
		})
		_, h := b.client(b.store(""), nil)
		if status, _, err := b.call(h, "x"); err != nil || status != http.StatusOK {
			t.Error(status, err)
		}
	})(t)
}
