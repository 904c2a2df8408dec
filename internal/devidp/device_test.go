package devidp_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

// device begins a device login.
func (r *rig) device(pairs ...string) answer {
	r.t.Helper()
	return r.post(r.idp.Issuer()+"/device/auth", with(url.Values{"client_id": {"device"}, "scope": {"openid"}}, pairs...))
}

func (r *rig) poll(deviceCode string, pairs ...string) answer {
	r.t.Helper()
	return r.token(append([]string{"client_id", "device", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", deviceCode}, pairs...)...)
}

func (r *rig) enter(userCode, username string) answer {
	r.t.Helper()
	return r.post(r.host()+"/device", url.Values{"user_code": {userCode}, "user": {username}})
}

// Logto, RFC 8628: the answer to a device, without interval; polling, the
// person's page, tokens once.
func TestDeviceFlow(t *testing.T) {
	r := start(t, nil)
	a := r.device("scope", "openid offline_access mcp:read", "prompt", "consent", "resource", resource)
	m := a.members()
	if ok, _ := regexp.MatchString(`^[B-Z]{4}-[B-Z]{4}$`, a.text("user_code")); !ok || a.status != 200 || len(a.text("device_code")) != 43 || m["expires_in"] != 600.0 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, user code %q, expires_in %v", a.status, a.text("user_code"), m["expires_in"])
	}
	if a.text("verification_uri") != r.host()+"/device" || a.text("verification_uri_complete") != r.host()+"/device?user_code="+a.text("user_code") {
		t.Errorf("verification URIs %q, %q", a.text("verification_uri"), a.text("verification_uri_complete"))
	}
	if _, there := m["interval"]; there {
		t.Error("Logto names no interval")
	}
	for range 2 { // two in a row: Logto does not say slow_down
		r.poll(a.text("device_code")).wantError(400, "authorization_pending")
	}
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if out, err := devidp.Approve(t.Context(), browser, a.text("verification_uri_complete"), "bob"); err != nil || out.Status != 200 {
		t.Fatalf("%v, status %d", err, out.Status)
	}
	r.poll(a.text("device_code"), "client_id", "native").wantError(400, "invalid_request")
	tokens := r.poll(a.text("device_code"), "resource", resource)
	if _, err := r.parse(tokens.text("access_token")); err != nil || tokens.text("scope") != "mcp:read" || tokens.text("refresh_token") == "" || tokens.text("id_token") == "" {
		t.Errorf("%v, scope %q", err, tokens.text("scope"))
	}
	r.poll(a.text("device_code")).wantError(400, "invalid_grant")
	if a := r.refresh(tokens.text("refresh_token"), "client_id", "device", "resource", resource); a.status != 200 {
		t.Errorf("refresh: status %d", a.status)
	}
}

// The person can refuse, mistype, and come too late.
func TestADeviceCodeCanBeRefusedMistypedAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		a, late := r.device(), r.device()
		for name, got := range map[string]answer{"code": r.enter("XXXX-XXXX", "bob"), "person": r.enter(a.text("user_code"), "mallory")} {
			if got.status != 400 {
				t.Errorf("unknown %s: status %d", name, got.status)
			}
		}
		r.poll(a.text("device_code")).wantError(400, "authorization_pending")
		if got := r.enter(" "+a.text("user_code")+" ", ""); got.status != 200 {
			t.Errorf("deny: status %d", got.status)
		}
		if got := r.enter(a.text("user_code"), "alice"); got.status != 400 {
			t.Errorf("changed mind: status %d", got.status)
		}
		r.poll(a.text("device_code")).wantError(400, "access_denied")
		r.poll(a.text("device_code")).wantError(400, "invalid_grant")
		time.Sleep(10*time.Minute + time.Nanosecond)
		if got := r.enter(late.text("user_code"), "alice"); got.status != 400 {
			t.Errorf("too late: status %d", got.status)
		}
		r.poll(late.text("device_code")).wantError(400, "expired_token")
	})
}

// Codes are bound to their client; what is wrong with scope and resource is as in the code grant.
func TestDeviceRefusals(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "device2", DeviceFlow: true})
	})
	r.device("resource", "http://localhost:8080/wrong").wantError(400, "invalid_target")
	r.device("client_id", "").wantError(400, "invalid_request")
	r.poll("").wantError(400, "invalid_request")
	r.poll(r.device().text("device_code"), "client_id", "device2").wantError(400, "invalid_grant")

	noScope := r.device("scope", "")
	r.enter(noScope.text("user_code"), "alice")
	r.poll(noScope.text("device_code")).wantError(400, "access_denied")

	wrong := r.device()
	r.enter(wrong.text("user_code"), "alice")
	r.poll(wrong.text("device_code"), "resource", resource).wantError(400, "invalid_target")
}

// The switches: interval, slow_down, refusal.
func TestDeviceFaults(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.Faults = devidp.Faults{DeviceInterval: 7, SlowDown: 1} })
	a := r.device()
	if a.members()["interval"] != 7.0 {
		t.Errorf("interval %v", a.members()["interval"])
	}
	r.poll(a.text("device_code")).wantError(400, "slow_down")
	r.poll(a.text("device_code")).wantError(400, "authorization_pending")
	r.idp.SetFaults(devidp.Faults{Deny: true})
	r.poll(r.device().text("device_code")).wantError(400, "access_denied")
}
