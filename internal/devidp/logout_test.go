package devidp_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

const after = "http://127.0.0.1:49152/signed-out?a=1"

func leavable(c *devidp.Config) {
	c.Clients = append(c.Clients, devidp.Client{ID: "leaving", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{after}})
}

func (r *rig) logout(pairs ...string) answer {
	r.t.Helper()
	return r.get(r.idp.Issuer() + "/session/end?" + with(url.Values{}, pairs...).Encode())
}

// OpenID Connect RP-Initiated Logout 1.0 sections 2 and 3: nothing must be
// given; with a client, known by its ID token or its ID, the browser goes to
// the address that it has registered, with state.
func TestEndSession(t *testing.T) {
	r := start(t, leavable)
	hint := r.exchange(r.code("client_id", "leaving"), "client_id", "leaving").text("id_token")
	for name, pairs := range map[string][]string{
		"nothing": nil, "a hint": {"id_token_hint", hint}, "a client": {"client_id", "leaving"},
		"an address of nobody": {"post_logout_redirect_uri", "https://evil.example/"},
	} {
		if a := r.logout(pairs...); a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.body, "signed out") {
			t.Errorf("%s: status %d", name, a.status)
		}
	}
	for name, pairs := range map[string][]string{"by hint": {"id_token_hint", hint}, "by ID": {"client_id", "leaving"}} {
		pairs = append(pairs, "post_logout_redirect_uri", after, "state", "st&te")
		if to := r.logout(pairs...).location(); to.Host != "127.0.0.1:49152" || to.Path != "/signed-out" || to.Query().Get("state") != "st&te" || to.Query().Get("a") != "1" {
			t.Errorf("%s: %v", name, to)
		}
	}
	a := r.post(r.idp.Issuer()+"/session/end", url.Values{"client_id": {"leaving"}, "post_logout_redirect_uri": {after}})
	if to := a.location().String(); to != after {
		t.Errorf("a form: %s", to)
	}
}

// Logto, section 3: an address that is not registered is refused, port freedom
// is not for it; so are hints that are not of this provider or of another
// client.
func TestEndSessionRefusals(t *testing.T) {
	r := start(t, leavable)
	hint := r.exchange(r.code("client_id", "leaving"), "client_id", "leaving").text("id_token")
	for name, pairs := range map[string][]string{
		"address":       {"client_id", "leaving", "post_logout_redirect_uri", "http://127.0.0.1:49153/signed-out?a=1"},
		"none at all":   {"client_id", "native", "post_logout_redirect_uri", after},
		"other client":  {"client_id", "native", "id_token_hint", hint},
		"no token":      {"id_token_hint", "x"},
		"changed token": {"id_token_hint", hint[:len(hint)-8] + "AAAAAAAA"},
		"of another provider": {"id_token_hint", func() string {
			other := start(t, nil)
			return other.exchange(other.code()).text("id_token")
		}()},
	} {
		t.Log(name)
		a := r.logout(pairs...)
		a.wantError(400, "invalid_request")
		if a.header.Get("Location") != "" {
			t.Errorf("%s: it redirects", name)
		}
	}
	r.logout("client_id", "nobody").wantError(400, "invalid_client")
	r.get(r.idp.Issuer()+"/session/end?state=a&state=b").wantError(400, "invalid_request")
	r.get(r.idp.Issuer()+"/session/end?%zz").wantError(400, "invalid_request")
	access := r.issue(devidp.TokenRequest{ClientID: "native", Resource: resource})
	r.logout("id_token_hint", access).wantError(400, "invalid_client") // its audience is no client
}

// Section 2: an ID token that has ended is still a hint.
func TestEndSessionLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, leavable)
		hint := r.exchange(r.code("client_id", "leaving"), "client_id", "leaving").text("id_token")
		time.Sleep(48 * time.Hour)
		if to := r.logout("id_token_hint", hint, "post_logout_redirect_uri", after).location().String(); to != after {
			t.Error(to)
		}
	})
}
