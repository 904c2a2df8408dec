package devidp_test

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// Redirects with a state or an issuer that is another one, or without.
func TestRedirectParameters(t *testing.T) {
	r := start(t, nil)
	r.idp.SetFaults(devidp.Faults{RedirectParameters: map[string]string{"state": "forged", "iss": "", "extra": "1"}})
	if q := r.signIn(params(), "alice"); q.Get("state") != "forged" || q.Has("iss") || q.Get("extra") != "1" || len(q.Get("code")) != 43 {
		t.Errorf("state %q, iss %t, extra %q", q.Get("state"), q.Has("iss"), q.Get("extra"))
	}
	r.idp.SetFaults(devidp.Faults{RedirectParameters: map[string]string{"state": ""}})
	if q := r.signIn(params(), ""); q.Has("state") || q.Get("error") != "access_denied" {
		t.Errorf("state %q, error %q", q.Get("state"), q.Get("error"))
	}
}

// Status of the token endpoint for a number of times, and its Retry-After.
func TestTokenEndpointFaults(t *testing.T) {
	r := start(t, nil)
	code := r.code()
	for _, status := range []int{503, 429} {
		r.idp.SetFaults(devidp.Faults{TokenStatus: status, TokenStatusTimes: 2, TokenRetryAfter: 7})
		for range 2 {
			if a := r.exchange(code); a.status != status || a.header.Get("Retry-After") != "7" {
				t.Errorf("status %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
		}
	}
	if a := r.exchange(code); a.status != 200 {
		t.Errorf("afterwards: status %d", a.status)
	}
}

// The delay of the token endpoint lasts as long as it says, and ends with the
// request.
func TestTokenDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		code := r.code()
		r.idp.SetFaults(devidp.Faults{TokenDelay: 20 * time.Second})
		begin := time.Now()
		if a := r.exchange(code); a.status != 200 || time.Since(begin) != 20*time.Second {
			t.Errorf("status %d after %v", a.status, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin = time.Now()
		req := r.request(http.MethodPost, r.idp.Issuer()+"/token", "").WithContext(ctx)
		if resp, _ := (direct{r.idp}).RoundTrip(req); resp.StatusCode != 503 || time.Since(begin) != 5*time.Second {
			t.Errorf("status %d after %v", resp.StatusCode, time.Since(begin))
		}
	})
}

// Close ends a delayed request instead of waiting for it.
func TestCloseEndsDelay(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", config(func(c *devidp.Config) { c.Faults.TokenDelay = time.Hour }))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, idp.Provider, &http.Transport{DisableKeepAlives: true})
	closed := make(chan error, 1)
	go func() {
		for idp.Stats().Paths["POST /oidc/token"] == 0 && t.Context().Err() == nil {
			runtime.Gosched() // until the request is there
		}
		closed <- idp.Close()
	}()
	if a := r.token(); a.status != 503 {
		t.Errorf("status %d", a.status)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := idp.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// The end of the context ends the server as well.
func TestContextEndsServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := real.FreeAddress(t)
	idp, err := devidp.Start(ctx, address, config(nil))
	if err != nil {
		t.Fatal(err)
	}
	if idp.Issuer() != "http://"+address+"/oidc" {
		t.Errorf("issuer %q", idp.Issuer())
	}
	cancel()
	if err := idp.Close(); err != nil {
		t.Error(err)
	}
	if again, err := devidp.Start(t.Context(), address, config(nil)); err != nil {
		t.Errorf("the address is not free: %v", err)
	} else if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// Short tokens.
func TestAccessTokenTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, func(c *devidp.Config) { c.Faults.AccessTokenTTL = 2 * time.Second })
		answer := r.exchange(r.code())
		if answer.members()["expires_in"] != 2.0 {
			t.Errorf("expires_in %v", answer.members()["expires_in"])
		}
		time.Sleep(2*time.Second + time.Nanosecond)
		if a := r.userinfo(answer.text("access_token")); a.status != 401 {
			t.Errorf("short token after its end: status %d", a.status)
		}
	})
}

// A provider that forgets a client, or says that it did: invalid_client, as often as
// asked for, and then no more.
func TestForgottenClient(t *testing.T) {
	r := start(t, registering)
	code := r.code()
	r.idp.SetFaults(devidp.Faults{TokenErrors: []string{"invalid_client", "", "temporarily_unavailable"}, TokenRetryAfterText: "Fri, 31 Dec 1999 23:59:59 GMT"})
	if a := r.exchange(code); a.header.Get("Retry-After") != "Fri, 31 Dec 1999 23:59:59 GMT" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	} else {
		a.wantError(400, "invalid_client")
	}
	if a := r.exchange(code); a.status != 200 {
		t.Errorf("one that passes: status %d", a.status)
	}
	r.exchange(code).wantError(400, "temporarily_unavailable")
	r.exchange(code).wantError(400, "invalid_grant") // as it should be

	id := r.register(nativeMetadata).text("client_id")
	login := r.login("client_id", "native")
	r.idp.ForgetRegistrations()
	r.authorize(params("client_id", id)).wantError(400, "invalid_client")
	r.token("client_id", id).wantError(400, "invalid_client")
	if a := r.refresh(login.text("refresh_token")); a.status != 200 {
		t.Errorf("a client of the configuration: status %d", a.status)
	}
}

// The answer to a refresh is lost on its way, the token is spent.
func TestALostAnswerHasSpentTheToken(t *testing.T) {
	r := start(t, nil)
	token := r.login().text("refresh_token")
	r.idp.SetFaults(devidp.Faults{TokenAnswersLost: 1, StrictRotation: true})
	req := r.form(r.idp.Issuer()+"/token", url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}, "refresh_token": {token}})
	if resp, err := r.http.Do(req); err == nil {
		t.Errorf("status %d, want a cut connection", resp.StatusCode)
		resp.Body.Close()
	}
	r.refresh(token).wantError(400, "invalid_grant")
	if n := r.idp.Stats().ReuseDetections; n != 1 {
		t.Errorf("%d reuse detections", n)
	}
}

// An answer that is late: the token is spent while it is under way.
func TestALateAnswerHasSpentTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		token := r.login().text("refresh_token")
		r.idp.SetFaults(devidp.Faults{TokenAnswerDelay: 20 * time.Second})
		begin := time.Now()
		if a := r.refresh(token); a.status != 200 || time.Since(begin) != 20*time.Second {
			t.Errorf("status %d after %v", a.status, time.Since(begin))
		}
		r.refresh(token).wantError(400, "invalid_grant")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req := r.form(r.idp.Issuer()+"/token", url.Values{
			"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {r.code()}, "redirect_uri": {callback}, "code_verifier": {verifier},
		}).WithContext(ctx)
		begin = time.Now()
		if resp, _ := (direct{r.idp}).RoundTrip(req); resp.StatusCode != 503 || time.Since(begin) != 5*time.Second {
			t.Errorf("status %d after %v", resp.StatusCode, time.Since(begin))
		}
	})
}

// Members of answers: replaced, added, and removed; those for refresh tokens do
// not touch the first answer.
func TestMembersOfAnswersAreChanged(t *testing.T) {
	r := start(t, registering)
	r.idp.SetFaults(devidp.Faults{
		TokenMembers:        map[string]any{"access_token": "a\r\nEvil: b", "token_type": nil, "extra": 1},
		RefreshMembers:      map[string]any{"scope": nil},
		RegistrationMembers: map[string]any{"client_secret_expires_at": 1},
		DeviceMembers:       map[string]any{"verification_uri": "javascript:alert(1)", "verification_uri_complete": nil},
		DeviceTTL:           2 * time.Second,
		MetadataMembers:     map[string]any{"token_endpoint": "http://169.254.169.254/oidc/token", "jwks_uri": nil, "issuer": "https://evil.example"},
	})
	a := r.login()
	for name, got := range map[string]answer{"first": a, "refreshed": r.refresh(a.text("refresh_token"))} {
		m := got.members()
		_, typed := m["token_type"]
		_, scoped := m["scope"]
		if m["access_token"] != "a\r\nEvil: b" || typed || m["extra"] != 1.0 || scoped != (name == "first") {
			t.Errorf("%s: %q, type %t, scope %t", name, m["access_token"], typed, scoped)
		}
	}
	if a := r.register(nativeMetadata); a.members()["client_secret_expires_at"] != 1.0 {
		t.Errorf("registration: %v", a.members()["client_secret_expires_at"])
	}
	m := r.device("client_id", "device").members()
	if _, there := m["verification_uri_complete"]; m["verification_uri"] != "javascript:alert(1)" || there || m["expires_in"] != 2.0 {
		t.Errorf("device: %v", m["verification_uri"])
	}
	m = r.metadata()
	if _, there := m["jwks_uri"]; m["token_endpoint"] != "http://169.254.169.254/oidc/token" || there || m["issuer"] != "https://evil.example" {
		t.Errorf("metadata: %v", m["token_endpoint"])
	}
}

// RFC 8628 section 3.5: device codes that have ended already.
func TestShortDeviceCode(t *testing.T) {
	r := start(t, nil)
	r.idp.SetFaults(devidp.Faults{DeviceTTL: -time.Second})
	a := r.device("client_id", "device")
	r.poll(a.text("device_code")).wantError(400, "expired_token")
}

// What stands in for an endpoint does all that happens there: a code is not spent.
func TestOtherEndpoint(t *testing.T) {
	r := start(t, nil)
	code := r.code()
	r.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"POST /token": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }}})
	if a := r.exchange(code); a.status != http.StatusTeapot {
		t.Errorf("status %d", a.status)
	}
	r.idp.SetFaults(devidp.Faults{})
	if a := r.exchange(code); a.status != 200 || a.text("access_token") == "" {
		t.Errorf("afterwards: status %d", a.status)
	}
}
