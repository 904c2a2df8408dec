package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
)

// Refusals that go to the client, as a 303 with error, state and iss, beside those of the
// transcripts.
func TestAuthorizeRefusals(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		change      []string
		code, about string
	}{
		"method without challenge":    {[]string{"code_challenge", ""}, "invalid_request", "code_challenge must be provided"},
		"challenge too short":         {[]string{"code_challenge", "abc"}, "invalid_request", "43"},
		"no response_type":            {[]string{"response_type", ""}, "invalid_request", "response_type"},
		"response_type none":          {[]string{"response_type", "none"}, "unsupported_response_type", ""},
		"response_mode":               {[]string{"response_mode", "smoke"}, "unsupported_response_mode", ""},
		"prompt":                      {[]string{"prompt", "dance"}, "invalid_request", "prompt"},
		"prompt none and another":     {[]string{"prompt", "none login"}, "invalid_request", "alone"},
		"resource in another case":    {[]string{"resource", "http://LOCALHOST:8080/mcp"}, "invalid_target", "resource indicator is missing, or unknown"},
		"resource before prompt none": {[]string{"resource", "http://localhost:8080/wrong", "prompt", "none"}, "invalid_target", ""},
	} {
		q := r.authorize(params(c.change...)).location().Query()
		if q.Get("error") != c.code || !strings.Contains(q.Get("error_description"), c.about) {
			t.Errorf("%s: %q, %q", name, q.Get("error"), q.Get("error_description"))
		}
		if q.Get("iss") != r.idp.Issuer() || q.Get("state") != "st&te" || q.Has("code") {
			t.Errorf("%s: iss %q, state %q", name, q.Get("iss"), q.Get("state"))
		}
	}
	if n := r.idp.Stats().Logins; n != 0 {
		t.Errorf("%d login pages", n)
	}
}

// Logto: the other response types are refused in the fragment.
func TestRefusalInFragment(t *testing.T) {
	r := start(t, nil)
	for responseType, code := range map[string]string{"token": "unsupported_response_type", "id_token": "invalid_request", "code id_token": "invalid_request"} {
		u := r.authorize(params("response_type", responseType)).location()
		q, err := url.ParseQuery(u.Fragment)
		if err != nil || u.RawQuery != "" || q.Get("error") != code || q.Get("iss") != r.idp.Issuer() {
			t.Errorf("%s: query %q, error %q", responseType, u.RawQuery, q.Get("error"))
		}
	}
}

// What concerns the redirect URI is 400 with JSON, and no redirect.
func TestAuthorizeDirectErrors(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		q    url.Values
		code string
	}{
		"too large":           {params("nonce", strings.Repeat("n", 20_000)), "invalid_request"},
		"doubled redirect_ur": {url.Values{"client_id": {"native"}, "redirect_uri": {callback, "http://evil.example/"}}, "invalid_request"},
	} {
		a := r.authorize(c.q)
		a.wantError(400, c.code)
		if a.header.Get("Location") != "" || a.text("iss") != r.idp.Issuer() || a.text("state") != c.q.Get("state") {
			t.Errorf("%s: Location %q, iss %q, state %q", name, a.header.Get("Location"), a.text("iss"), a.text("state"))
		}
	}
}

// Logto: a client of the device grant cannot begin at the authorization
// endpoint, even when it has a redirect URI.
func TestAuthorizeNotForDevices(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: "tv", DeviceFlow: true, RedirectURIs: []string{callback}})
	})
	r.authorize(params("client_id", "tv")).wantError(400, "invalid_redirect_uri")
}

// Logto, RFC 8252 section 7.3: any port for native clients, the
// registered one included; the same spelling of the host, the same path and
// scheme; exact for everybody else.
func TestRedirectMatching(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		client, uri string
		ok          bool
	}{
		{"native", "http://127.0.0.1:1/callback", true},
		{"native", "http://127.0.0.1/callback", true},
		{"native", "http://localhost:65535/callback", true},
		{"native", "http://127.0.0.1:9/oauth/callback", true},
		{"native", "io.example.app://callback", true},
		{"native", "http://127.0.0.1:9/callback?x=1", false},
		{"native", "http://127.0.0.1:9/callback?", false},
		{"native", "http://127.0.0.1:9/callback#x", false},
		{"native", "http://127.0.0.1:9/callback#", false},
		{"native", "http://127.0.0.1:9/%63allback", false},
		{"native", "http://u@127.0.0.1:9/callback", false},
		{"native", "http://127.0.0.2:9/callback", false},
		{"native", "http://LOCALHOST:9/callback", false},
		{"native", "http://127.0.0.1.evil.example/callback", false},
		{"native", "io.example.app:/callback", false},
		{"spa", callback, true},
	} {
		if got := r.authorize(params("client_id", c.client, "redirect_uri", c.uri)).status == http.StatusSeeOther; got != c.ok {
			t.Errorf("%s, %s: accepted %t", c.client, c.uri, got)
		}
	}
}

// Logto: when no scope is left the person signs in all the same, and then the
// client gets access_denied without a description.
func TestLoginWithoutScope(t *testing.T) {
	r := start(t, nil)
	for name, change := range map[string][]string{
		"unknown":                        {"scope", "foo:bar"},
		"of a resource not asked for":    {"scope", "mcp:read"},
		"offline_access without consent": {"scope", "offline_access"},
	} {
		q := r.signIn(params(change...), "alice")
		if q.Get("error") != "access_denied" || q.Has("error_description") || q.Has("code") || q.Get("iss") != r.idp.Issuer() {
			t.Errorf("%s: error %q, description %q", name, q.Get("error"), q.Get("error_description"))
		}
	}
}

// The Deny button and the fault give access_denied, the fault without a page.
func TestDenyGivesAccessDenied(t *testing.T) {
	r := start(t, nil)
	if q := r.signIn(params(), ""); q.Get("error") != "access_denied" || q.Get("state") != "st&te" || q.Get("iss") != r.idp.Issuer() {
		t.Errorf("button: error %q", q.Get("error"))
	}
	r.idp.SetFaults(devidp.Faults{Deny: true})
	if q := r.authorize(params()).location().Query(); q.Get("error") != "access_denied" {
		t.Errorf("fault: error %q", q.Get("error"))
	}
}

// npm oidc-provider: a doubled parameter goes back to the client as an error,
// without state where state was doubled; a request by POST has no endpoint.
func TestDoubledParameters(t *testing.T) {
	r := start(t, nil)
	for _, name := range []string{"state", "nonce"} {
		q := params()
		q[name] = []string{"a", "b"}
		got := r.authorize(q).location().Query()
		if got.Get("error") != "invalid_request" || got.Get("error_description") != "'"+name+"' parameter must not be provided twice" || got.Has("state") != (name != "state") {
			t.Errorf("%s: %v", name, got)
		}
	}
	r.post(r.idp.Issuer()+"/auth", params()).wantError(404, "invalid_request")
}
