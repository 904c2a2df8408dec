package devidp_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

// C31, C15, C35: documents and redirects that a client must refuse.
func TestMetadataAndIssuerFaults(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		faults           devidp.Faults
		metadata         string
		methods, promise bool
		redirect         string
	}{
		"none":            {devidp.Faults{}, r.idp.Issuer(), true, true, r.idp.Issuer()},
		"PKCE":            {devidp.Faults{NoPKCEMetadata: true}, r.idp.Issuer(), false, true, r.idp.Issuer()},
		"metadata issuer": {devidp.Faults{MetadataIssuer: "https://evil.example"}, "https://evil.example", true, true, r.idp.Issuer()},
		"wrong iss":       {devidp.Faults{RedirectIssuer: "https://evil.example"}, r.idp.Issuer(), true, true, "https://evil.example"},
		"missing iss":     {devidp.Faults{OmitRedirectIssuer: true}, r.idp.Issuer(), true, true, ""},
		"no iss promised": {devidp.Faults{NoIssuerParameter: true}, r.idp.Issuer(), true, false, ""},
	} {
		r.idp.SetFaults(c.faults)
		m := r.get(r.idp.Issuer() + "/.well-known/openid-configuration").members()
		_, methods := m["code_challenge_methods_supported"]
		_, promise := m["authorization_response_iss_parameter_supported"]
		if m["issuer"] != c.metadata || methods != c.methods || promise != c.promise {
			t.Errorf("%s: issuer %v, methods %t, promise %t", name, m["issuer"], methods, promise)
		}
		for _, user := range []string{"alice", ""} { // success and error
			if q := r.signIn(params(), user); q.Get("iss") != c.redirect || q.Has("iss") != (c.redirect != "") {
				t.Errorf("%s, user %q: iss %q", name, user, q.Get("iss"))
			}
		}
	}
}

// Status of the token endpoint for a number of times, its Retry-After, and its
// redirect elsewhere.
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
	r.idp.SetFaults(devidp.Faults{TokenRedirect: "http://127.0.0.1:9/token"})
	if a := r.exchange(code); a.status != 307 || a.header.Get("Location") != "http://127.0.0.1:9/token" {
		t.Errorf("redirect: status %d", a.status)
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
	cfg := config()
	cfg.Faults.TokenDelay = time.Hour
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", cfg)
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
	idp, err := devidp.Start(ctx, "127.0.0.1:0", config())
	if err != nil {
		t.Fatal(err)
	}
	if idp.URL()+"/oidc" != idp.Issuer() || !strings.HasPrefix(idp.URL(), "http://127.0.0.1:") {
		t.Errorf("URL %q, issuer %q", idp.URL(), idp.Issuer())
	}
	cancel()
	if err := idp.Close(); err != nil {
		t.Error(err)
	}
	if again, err := devidp.Start(t.Context(), strings.TrimPrefix(idp.URL(), "http://"), config()); err != nil {
		t.Errorf("the address is not free: %v", err)
	} else if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// Broken userinfo and keys, short tokens.
func TestOtherFaults(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Faults = devidp.Faults{UserinfoStatus: 503, JWKSStatus: 500, AccessTokenTTL: 2 * time.Second}
	})
	if a := r.userinfo("x"); a.status != 503 {
		t.Errorf("userinfo: status %d", a.status)
	}
	if a := r.get(r.idp.Issuer() + "/jwks"); a.status != 500 {
		t.Errorf("keys: status %d", a.status)
	}
	if a := r.exchange(r.code()); a.members()["expires_in"] != 2.0 {
		t.Errorf("expires_in %v", a.members()["expires_in"])
	}
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, func(c *devidp.Config) { c.Faults.AccessTokenTTL = 2 * time.Second })
		token := r.exchange(r.code()).text("access_token")
		time.Sleep(2*time.Second + time.Nanosecond)
		if a := r.userinfo(token); a.status != 401 {
			t.Errorf("short token after its end: status %d", a.status)
		}
	})
}
