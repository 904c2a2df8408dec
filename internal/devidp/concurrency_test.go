package devidp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/devidp"
)

// ask calls the handler without a network and without failing the test, which
// only its own goroutine may.
func (r *rig) ask(path string, form url.Values) int {
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, r.idp.Issuer()+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.idp.ServeHTTP(w, req)
	return w.Code
}

// RFC 6749 section 4.1.2: of many that come with one code at the same time one
// gets tokens. Without leeway of many that refresh one does, and with it
// all do.
func TestOnceUnderConcurrency(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.ReuseLeeway = time.Hour })
	race := func(form url.Values) int {
		var good atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if r.ask("/token", form) == http.StatusOK {
					good.Add(1)
				}
			})
		}
		all.Wait()
		return int(good.Load())
	}
	code := url.Values{"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {r.code()}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	if n := race(code); n != 1 {
		t.Errorf("%d exchanges of one code", n)
	}
	refresh := func() url.Values {
		return url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}, "refresh_token": {r.login().text("refresh_token")}}
	}
	r.idp.SetFaults(devidp.Faults{StrictRotation: true})
	if n := race(refresh()); n != 1 {
		t.Errorf("%d strict refreshes of one token", n)
	}
	r.idp.SetFaults(devidp.Faults{})
	if n := race(refresh()); n != 20 {
		t.Errorf("%d refreshes of one token within the leeway", n)
	}
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.Registration = true })
	token := r.login().text("refresh_token")
	var all sync.WaitGroup
	for _, do := range []func(){
		func() {
			r.ask("/token", url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}, "refresh_token": {token}})
		},
		func() { r.ask("/token/revocation", url.Values{"client_id": {"native"}, "token": {token}}) },
		func() { r.ask("/token/introspection", url.Values{"client_id": {"native"}, "token": {token}}) },
		func() { r.ask("/device/auth", url.Values{"client_id": {"device"}, "scope": {"openid"}}) },
		func() { r.ask("/auth", params()) },
		func() { r.ask("/me", nil) },
		func() { r.ask("/reg", nil) },
		func() { r.ask("/token", url.Values{"client_id": {"native"}, "grant_type": {"client_credentials"}}) },
		func() { r.ask("/session/end", url.Values{"client_id": {"native"}}) },
		func() { r.idp.RevokeAccessTokens(); r.idp.ForgetRegistrations() },
		func() { r.idp.SetFaults(devidp.Faults{SlowDown: 1}); _ = r.idp.Stats() },
		func() { r.idp.AddResource(devidp.Resource{Indicator: "http://x/"}) },
		func() {
			if _, err := r.idp.IssueToken(devidp.TokenRequest{Resource: resource}); err != nil {
				t.Error(err)
			}
		},
	} {
		for range 5 {
			all.Go(do)
		}
	}
	all.Wait()
	if n := r.idp.Stats().Requests; n < 35 {
		t.Errorf("%d requests counted", n)
	}
}
