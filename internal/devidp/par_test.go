package devidp_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

// push sends an authorization request of the native client beforehand, changed by pairs.
func (r *rig) push(pairs ...string) answer {
	r.t.Helper()
	return r.post(r.idp.Issuer()+"/request", params(pairs...))
}

// pushed is the request that the browser brings for it.
func (r *rig) pushed(pairs ...string) url.Values {
	r.t.Helper()
	a := r.push(pairs...)
	if a.status != 201 || !strings.HasPrefix(a.text("request_uri"), "urn:ietf:params:oauth:request_uri:") || a.header.Get("Cache-Control") != "no-store" {
		r.t.Fatalf("status %d, request_uri %q", a.status, a.text("request_uri"))
	}
	return url.Values{"client_id": {"native"}, "request_uri": {a.text("request_uri")}}
}

// RFC 9126 sections 2 and 4: a pushed request is a login with state and iss, once, and
// what the browser says beside it does not count.
func TestPushedRequest(t *testing.T) {
	r := start(t, nil)
	if m := r.metadata(); m["pushed_authorization_request_endpoint"] != r.idp.Issuer()+"/request" || m["require_pushed_authorization_requests"] != nil {
		t.Errorf("metadata %v, %v", m["pushed_authorization_request_endpoint"], m["require_pushed_authorization_requests"])
	}
	if life := r.push().members()["expires_in"]; life != 60.0 {
		t.Errorf("it lives for %v seconds", life)
	}
	q := r.pushed("scope", "openid profile")
	got := r.signIn(with(q, "state", "another", "scope", "openid email", "redirect_uri", "https://evil.example/"), "alice")
	if got.Get("state") != "st&te" || got.Get("iss") != r.idp.Issuer() {
		t.Errorf("state %q, iss %q", got.Get("state"), got.Get("iss"))
	}
	if a := r.exchange(got.Get("code")); a.text("scope") != "openid profile" {
		t.Errorf("status %d, scope %q", a.status, a.text("scope"))
	}
	r.authorize(q).wantError(400, "invalid_request_uri")
}

func TestPushedRequestRefusals(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "only", RedirectURIs: []string{callback}, RequirePushedRequests: true})
	})
	r.push("client_id", "nobody").wantError(400, "invalid_client")
	r.push("client_id", "web", "redirect_uri", callback).wantError(401, "invalid_client")
	r.push("client_id", "device").wantError(400, "invalid_request")
	r.push("redirect_uri", "https://evil.example/").wantError(400, "invalid_request")
	r.push("redirect_uri", "").wantError(400, "invalid_request")
	r.push("code_challenge", "").wantError(400, "invalid_request")
	r.push("resource", resource+"/").wantError(400, "invalid_target")
	r.push("request_uri", "urn:ietf:params:oauth:request_uri:x").wantError(400, "request_uri_not_supported")
	r.push("state", strings.Repeat("x", 20<<10)).wantError(400, "invalid_request")

	r.authorize(url.Values{"client_id": {"native"}, "request_uri": {"https://app.example/request"}}).wantError(400, "request_uri_not_supported")
	q := r.pushed()
	r.authorize(with(q, "client_id", "other")).wantError(400, "invalid_request_object")
	if got := r.signIn(q, "alice"); got.Get("code") == "" {
		t.Error("another client's attempt has spent it")
	}
	if got := r.authorize(params("client_id", "only")).location().Query(); got.Get("error") != "invalid_request" {
		t.Errorf("a client that must push: error %q", got.Get("error"))
	}
	if got := r.authorize(with(r.pushed("prompt", "none"), "state", "s")).location().Query(); got.Get("error") != "login_required" || got.Get("state") != "st&te" {
		t.Errorf("prompt none: error %q, state %q", got.Get("error"), got.Get("state"))
	}
}

// The life of a pushed request is that of the configuration, which may want all of them
// pushed.
func TestPushedRequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, func(c *devidp.Config) { c.PushedRequestTTL, c.RequirePushedRequests = 5*time.Second, true })
		if r.metadata()["require_pushed_authorization_requests"] != true {
			t.Error("metadata does not say that requests must be pushed")
		}
		if got := r.authorize(params()).location().Query(); got.Get("error") != "invalid_request" {
			t.Errorf("one that was not pushed: error %q", got.Get("error"))
		}
		q, late := r.pushed(), r.pushed()
		<-time.After(5 * time.Second)
		if got := r.signIn(q, "alice"); got.Get("code") == "" {
			t.Errorf("in its last moment: error %q", got.Get("error"))
		}
		<-time.After(time.Nanosecond)
		r.authorize(late).wantError(400, "invalid_request_uri")
	})
}
