package devidp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

// A refresh token comes with offline_access, also alone, and for clients that have the
// grant. What prompt does the transcripts show.
func TestRefreshTokenConditions(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "norefresh", RedirectURIs: []string{callback}, GrantTypes: []string{"authorization_code"}})
	})
	for name, c := range map[string]struct {
		scope, prompt, client string
		want                  bool
	}{
		"no scope":                {"openid", "consent", "native", false},
		"client without refresh":  {"openid offline_access", "consent", "norefresh", false},
		"offline_access, nothing": {"offline_access", "consent", "native", true},
	} {
		a := r.exchange(r.code("scope", c.scope, "prompt", c.prompt, "client_id", c.client), "client_id", c.client)
		if got := a.text("refresh_token") != ""; a.status != 200 || got != c.want {
			t.Errorf("%s: status %d, refresh token %t", name, a.status, got)
		}
	}
}

// Logto: every use gives a new refresh token; the old one is good for three
// seconds more. Used later it ends the grant: the newest refresh token and the
// access tokens are dead.
func TestRotationWithLeeway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		first := r.login()
		old := first.text("refresh_token")
		second := r.refresh(old)
		if second.status != 200 || second.text("refresh_token") == old || len(second.text("refresh_token")) != 43 {
			t.Fatalf("status %d", second.status)
		}
		time.Sleep(3 * time.Second)
		third := r.refresh(old) // still within the leeway of the first use
		if third.status != 200 {
			t.Fatalf("after 3 s: status %d", third.status)
		}
		time.Sleep(time.Nanosecond)
		r.refresh(old).wantError(400, "invalid_grant")
		for name, token := range map[string]string{"second": second.text("refresh_token"), "third": third.text("refresh_token")} {
			if a := r.refresh(token); a.status != 400 {
				t.Errorf("%s refresh token after the reuse: status %d", name, a.status)
			}
		}
		if got := r.userinfo(third.text("access_token")); got.status != 401 {
			t.Errorf("access token after the reuse: status %d", got.status)
		}
		if n := r.idp.Stats().ReuseDetections; n != 1 {
			t.Errorf("%d reuse detections", n)
		}
	})
}

// The switches: no leeway at all, by configuration and by fault.
func TestRotationSwitches(t *testing.T) {
	reused := func(r *rig) int {
		a := r.login()
		r.refresh(a.text("refresh_token"))
		return r.refresh(a.text("refresh_token")).status
	}
	if status := reused(start(t, func(c *devidp.Config) { c.ReuseLeeway = -1 })); status != 400 {
		t.Errorf("no leeway: status %d", status)
	}
	r := start(t, func(c *devidp.Config) { c.ReuseLeeway = time.Hour })
	if status := reused(r); status != 200 {
		t.Errorf("an hour's leeway: status %d", status)
	}
	r.idp.SetFaults(devidp.Faults{StrictRotation: true})
	if status := reused(r); status != 400 {
		t.Errorf("strict: status %d", status)
	}
}

// Logto: a refresh token of a native client lives 14 days from each rotation,
// that of a web page 14 days from the login.
func TestRefreshTokenLifetime(t *testing.T) {
	for client, extended := range map[string]bool{"native": true, "spa": false, "web": true} {
		synctest.Test(t, func(t *testing.T) {
			r := inBubble(t, nil)
			as := []string{"client_id", client}
			if client == "web" {
				as = append(as, "client_secret", "s3cret&")
			}
			a := r.exchange(r.code("client_id", client, "scope", "openid offline_access", "prompt", "consent"), as...)
			time.Sleep(14 * 24 * time.Hour)
			a = r.refresh(a.text("refresh_token"), as...)
			if a.status != 200 {
				t.Fatalf("%s: after 14 days: status %d", client, a.status)
			}
			time.Sleep(time.Second)
			if got := r.refresh(a.text("refresh_token"), as...).status == 200; got != extended {
				t.Errorf("%s: a second after that: accepted %t", client, got)
			}
		})
	}
}

// Logto: scope may shrink for one answer; that it never grows the transcripts show.
func TestScopeShrinksForOneAnswer(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.ReuseLeeway = -1 })
	a := r.login("scope", "openid profile email offline_access")
	narrow := r.refresh(a.text("refresh_token"), "scope", "openid email")
	if narrow.status != 200 || narrow.text("scope") != "openid email" {
		t.Fatalf("status %d, scope %q", narrow.status, narrow.text("scope"))
	}
	if got := r.userinfo(narrow.text("access_token")).members(); got["email"] == nil || got["username"] != nil {
		t.Error("the narrow token shows more or less than its scope")
	}
	if all := r.refresh(narrow.text("refresh_token")); all.text("scope") != "openid profile email offline_access" {
		t.Errorf("the next answer has scope %q", all.text("scope"))
	}
}

// Logto: a wrong resource spends the refresh token all the same. Within the
// leeway it can be tried again without; later the login is lost.
func TestRefreshWrongResourceSpends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		token := r.login("resource", resource).text("refresh_token")
		r.refresh(token, "resource", "http://localhost:8080/wrong").wantError(400, "invalid_target")
		if a := r.refresh(token, "resource", resource); a.status != 200 {
			t.Errorf("at once: status %d", a.status)
		}
		time.Sleep(4 * time.Second)
		r.refresh(token, "resource", resource).wantError(400, "invalid_grant")
	})
}

// Logto: use by another client is invalid_grant and does not harm the owner.
func TestRefreshByAnother(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.ReuseLeeway = -1 })
	token := r.login().text("refresh_token")
	r.refresh(token, "client_id", "other").wantError(400, "invalid_grant")
	if a := r.refresh(token); a.status != 200 {
		t.Errorf("the owner: status %d", a.status)
	}
}
