package oauth_test

// Defects that hostile tests have found, each with its measure, so that they stay
// mended.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// At most three tries, and Retry-After kept, also when the token is
// known to have ended.
func TestTriesWithEndedToken(t *testing.T) {
	for _, tc := range []struct{ status, retryAfter, tries int }{{503, 0, 3}, {429, 3600, 1}} {
		signedIn(func(c *devidp.Config) { c.AccessTokenTTL = 5 * time.Minute }, func(t *testing.T, b *lab, s oauth.Store) {
			time.Sleep(6 * time.Minute)
			_, h := b.client(s, nil)
			asked := len(b.wire.times(tokenPath))
			b.idp.SetFaults(devidp.Faults{TokenStatus: tc.status, TokenRetryAfter: tc.retryAfter, TokenStatusTimes: 1000})
			for range 5 {
				_, _, _ = b.call(h, "x")
				if tc.retryAfter == 0 {
					break
				}
			}
			if n := len(b.wire.times(tokenPath)) - asked; n > tc.tries {
				t.Errorf("%d: %d token requests, want %d", tc.status, n, tc.tries)
			}
		})(t)
	}
}

// What is no answer of RFC 6749 section 5.2 (a portal, a firewall, a
// gateway, a redirect) says nothing about the refresh token.
func TestForeignAnswerKeepsTheLogin(t *testing.T) {
	for _, status := range []int{200, 307, 400, 403, 404, 408} {
		signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
			_, h := b.client(s, nil)
			tabs, good := b.tabs.Load(), b.wire.hosts[bubbleProvider]
			b.replace(bubbleProvider, "/oidc/token", says(status, "<html>no provider here</html>"))
			_, _, err := b.call(h, "1")
			b.wire.hosts[bubbleProvider] = good
			b.mustCall(h, "2")
			if b.tabs.Load() != tabs {
				t.Errorf("%d: %d more tabs; %v", status, b.tabs.Load()-tabs, err)
			}
		})(t)
	}
}

// Rows 31 and 33: what a sibling has stored while we were asking is taken,
// not written over ("reload once").
func TestSiblingWithoutLockIsNotOverwritten(t *testing.T) {
	signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
		_, h := b.client(s, nil)
		newer, tabs := b.stored(s), b.tabs.Load()
		newer.RefreshToken, newer.ObtainedAt, newer.Expiry = grant.NewSecret("of the sibling"), time.Now(), time.Now().Add(time.Hour)
		newer.AccessToken = grant.NewSecret("eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":"s","aud":%q,"exp":%d}`, b.server().String(), newer.Expiry.Unix())) + ".AA")
		b.replace(bubbleProvider, "/oidc/token", func(w http.ResponseWriter, r *http.Request) {
			if err := s.Save(r.Context(), oauth.Key{Server: b.server().String()}, newer); err != nil {
				t.Error(err)
			}
			says(http.StatusBadRequest, `{"error":"invalid_grant"}`)(w, r)
		})
		_, _, err := b.call(h, "1")
		if err != nil || b.tabs.Load() != tabs || b.stored(s).RefreshToken.Reveal() != "of the sibling" {
			t.Errorf("%d more tabs, %v", b.tabs.Load()-tabs, err)
		}
	})(t)
}

// security.md, rule 6: the answer to a code is decoded as all others are.
func TestCodeAnswerIsDecodedStrictly(t *testing.T) {
	for how, change := range map[string]func(string) string{
		"doubled":    func(s string) string { return `{"access_token":"evil",` + s[1:] },
		"upper case": func(s string) string { return strings.Replace(s, `"access_token"`, `"ACCESS_TOKEN"`, 1) },
	} {
		inBubble(nil, func(t *testing.T, b *lab) {
			b.rewrite("/oidc/token", change)
			_, h := b.client(b.store(""), nil)
			if _, _, err := b.call(h, "1"); err == nil {
				t.Errorf("%s: taken", how)
			}
		})(t)
	}
	// And as kindly: expires_in is for show.
	for _, value := range []any{3600.5, "soon", "", 1e300} {
		inBubble(func(c *devidp.Config) { c.Faults.TokenMembers = map[string]any{"expires_in": value} }, func(t *testing.T, b *lab) {
			_, h := b.client(b.store(""), nil)
			if _, _, err := b.call(h, "1"); err != nil {
				t.Errorf("expires_in %v: %v", value, err)
			}
		})(t)
	}
}

// RFC 7591: a client_secret_expires_at in milliseconds (the year 57868) or
// beyond all time must not keep the login from being stored.
func TestSecretExpiryBeyondTime(t *testing.T) {
	for _, at := range []any{1764000000000, 1e300} {
		dir := t.TempDir()
		inBubble(func(c *devidp.Config) {
			c.Faults.RegisteredAuthMethod = "client_secret_basic"
			c.Faults.RegistrationMembers = map[string]any{"client_secret_expires_at": at}
		}, func(t *testing.T, b *lab) {
			_, h := b.client(b.store(dir), nil)
			b.mustCall(h, "1")
			_, again := b.client(b.store(dir), nil)
			b.mustCall(again, "2")
			if stats := b.idp.Stats(); b.tabs.Load() != 1 || stats.Registrations != 1 {
				t.Errorf("%v: %d tabs, %d registrations", at, b.tabs.Load(), stats.Registrations)
			}
		})(t)
	}
}

// Where the ID token is presented and the provider's clock is ten
// minutes behind, every single request refreshes.
func TestIDTokenClockSkew(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		const skew, life = -10 * time.Minute, 5 * time.Minute
		issued := 0
		b.rewrite("/oidc/token", func(s string) string {
			var m map[string]any
			_ = json.Unmarshal([]byte(s), &m)
			issued++
			now := time.Now().Add(skew)
			m["id_token"] = "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":"s","iat":%d,"exp":%d,"n":%d}`, now.Unix(), now.Add(life).Unix(), issued)) + ".x"
			out, _ := json.Marshal(m)
			return string(out)
		})
		b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
			taken := r.URL.Path == "/mcp" && r.Header.Get("Authorization") != ""
			if taken {
				_, _ = io.WriteString(w, "sub=s")
			}
			return taken
		})
		_, h := b.client(b.store(""), func(c *oauth.Config) { c.IDToken = true })
		for range 24 { // within one lifetime
			b.mustCall(h, "x")
			time.Sleep(10 * time.Second)
		}
		if n := b.idp.Stats().Refreshes; n > 1 {
			t.Errorf("%d refreshes in one lifetime", n)
		}
	})(t)
}

// Where the ID token is presented, it must fit into a header like any other
// token; today each request fails until the login is removed by hand.
func TestIDTokenWithLineBreak(t *testing.T) {
	inBubble(func(c *devidp.Config) { c.Faults.TokenMembers = map[string]any{"id_token": "a\r\nX-Injected: y"} }, func(t *testing.T, b *lab) {
		s := b.store("")
		_, h := b.client(s, func(c *oauth.Config) { c.IDToken = true })
		_, _, err := b.call(h, "1")
		if cred, _ := s.Load(t.Context(), oauth.Key{Server: b.server().String()}); !cred.IDToken.IsZero() {
			t.Errorf("stored a token that no header takes; %v", err)
		}
	})(t)
}
