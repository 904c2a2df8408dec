package oauth_test

import (
	"net/http"
	"strings"
	"testing"
)

// A 401 without a challenge to a request of an MCP session: a token is refreshed first,
// once; what that does not help, and what had no token, is returned to whoever has the
// session, and nobody is asked to sign in. SignIn does that. With a challenge, or
// without a session, a login follows as ever.
func TestRefusalOfSession(t *testing.T) {
	l := newNetworkLab(t, nil)
	bare, deaf := true, false // the 401 says nothing; no token helps
	wire := &http.Transport{DisableKeepAlives: true}
	c, _ := l.client(l.store(""), nil)
	h := &http.Client{Transport: c.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if deaf {
			l.res.revokeSeen()
			l.res.mu.Lock()
			l.res.revoked[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] = true
			l.res.mu.Unlock()
		}
		resp, err := wire.RoundTrip(r)
		if err == nil && bare {
			resp.Header.Del("WWW-Authenticate")
		}
		return resp, err
	}))}
	send := func(session string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server().String(), strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	check := func(what string, resp *http.Response, status, tabs, refreshes int) {
		t.Helper()
		if stats := l.idp.Stats(); resp.StatusCode != status || int(l.tabs.Load()) != tabs || stats.Refreshes != refreshes {
			t.Fatalf("%s: %d, %d tabs, %d refreshes", what, resp.StatusCode, l.tabs.Load(), stats.Refreshes)
		}
	}

	refused := send("s")
	check("no token", refused, 401, 0, 0)
	if err := c.SignIn(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	check("signed in", send("s"), 200, 1, 0)
	l.res.revokeSeen()
	check("refreshed", send("s"), 200, 1, 1)
	deaf = true
	check("no token helps", send("s"), 401, 1, 2)
	deaf = false
	l.res.revokeSeen()
	check("no session", send(""), 200, 1, 3)
	bare = false
	l.res.revokeSeen()
	check("a challenge", send("s"), 200, 1, 4)
}
