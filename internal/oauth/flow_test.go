package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// A refused request leads to one
// login and one replay with the same body; the next process starts signed in
// and sends nothing but its own request.
func TestFirstLoginAndNextStart(t *testing.T) {
	l := newNetworkLab(t, nil)
	dir := t.TempDir()
	_, h := l.client(l.store(dir), nil)
	l.mustCall(h, "hello")
	stats := l.idp.Stats()
	total := l.res.requests.Load() + int64(stats.Requests)
	t.Logf("first login: %d requests to the server, %d to the provider", l.res.requests.Load(), stats.Requests)
	if stats.Registrations != 1 || l.tabs.Load() != 1 || l.res.bodies[0] != "hello" {
		t.Errorf("registrations %d, tabs %d, bodies %q", stats.Registrations, l.tabs.Load(), l.res.bodies)
	}
	if total > 12 { // the login page of the provider counts two of them
		t.Errorf("%d requests for a first login", total)
	}
	before, provider := l.res.requests.Load(), l.idp.Stats().Requests
	_, again := l.client(l.store(dir), nil)
	l.mustCall(again, "second")
	if n := l.res.requests.Load() - before; n != 1 || l.idp.Stats().Requests != provider || l.tabs.Load() != 1 {
		t.Errorf("second start: %d requests to the server, %d to the provider, %d tabs", n, l.idp.Stats().Requests-provider, l.tabs.Load())
	}
}

// An expired token is refreshed with resource, so
// that the new one is again for this server. No tab.
func TestExpiredTokenIsRefreshedWithResource(t *testing.T) {
	inBubble(func(c *devidp.Config) { c.AccessTokenTTL = time.Minute }, func(t *testing.T, b *lab) {
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		time.Sleep(time.Until(b.stored(s).Expiry))
		b.mustCall(h, "2")
		if n := b.idp.Stats().Refreshes; n != 1 || b.tabs.Load() != 1 {
			t.Errorf("%d refreshes, %d tabs", n, b.tabs.Load())
		}
	})(t)
}

// Eight clients with one store, three
// calls each, the server suddenly refuses a token that has an hour to live,
// and the provider revokes everything when a refresh token comes twice.
func TestRefusedTokenIsRefreshedOnceForAll(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.ReuseLeeway = -1 })
	dir := t.TempDir()
	var clients []*http.Client
	for range 8 {
		_, h := l.client(l.store(dir), nil)
		l.mustCall(h, "warm")
		clients = append(clients, h)
	}
	const rounds = 5
	for round := range rounds {
		l.res.revokeSeen()
		var wg sync.WaitGroup
		var failed atomic.Int64
		for _, h := range clients {
			for range 3 {
				wg.Go(func() {
					if status, _, err := l.call(h, "x"); err != nil || status != 200 {
						failed.Add(1)
						t.Log(status, err)
					}
				})
			}
		}
		wg.Wait()
		stats := l.idp.Stats()
		if failed.Load() != 0 || stats.Refreshes != round+1 || l.tabs.Load() != 1 || stats.ReuseDetections != 0 {
			t.Fatalf("round %d: %d of 24 failed, %d refreshes, %d tabs, %d reuses", round, failed.Load(), stats.Refreshes, l.tabs.Load(), stats.ReuseDetections)
		}
	}
}

// Fifty requests that meet one 401 share one tab and one code exchange.
func TestConcurrentRequestsShareOneLogin(t *testing.T) {
	l := newNetworkLab(t, nil)
	_, h := l.client(l.store(""), nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if status, _, err := l.call(h, "x"); err != nil || status != 200 {
				t.Errorf("status %d, err %v", status, err)
			}
		})
	}
	wg.Wait()
	if stats := l.idp.Stats(); l.tabs.Load() != 1 || stats.CodeExchanges != 1 || l.res.answered.Load() != 50 {
		t.Errorf("%d tabs, %d exchanges, %d answers", l.tabs.Load(), stats.CodeExchanges, l.res.answered.Load())
	}
}

// A refresh token that is over leads to one login, not to a loop.
func TestRefusedRefreshTokenLeadsToOneLogin(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.RefreshTokenTTL = -time.Second })
	_, h := l.client(l.store(""), nil)
	l.mustCall(h, "1")
	l.res.revokeSeen()
	l.mustCall(h, "2")
	if l.tabs.Load() != 2 || l.idp.Stats().Registrations != 1 {
		t.Errorf("%d tabs, %d registrations", l.tabs.Load(), l.idp.Stats().Registrations)
	}
}

// 403 insufficient_scope asks for the union of scopes and repeats. That is another
// question than the one that was answered: it is asked right after it.
func TestStepUpAsksForMoreScopes(t *testing.T) {
	l := newNetworkLab(t, nil)
	s := l.store("")
	_, h := l.client(s, notInteractive)
	l.mustCall(h, "1")
	l.res.demand("mcp:write")
	l.mustCall(h, "2")
	if got := l.stored(s).RequestedScopes; l.tabs.Load() != 2 || !slices.Contains(got, "mcp:read") || !slices.Contains(got, "mcp:write") {
		t.Errorf("tabs %d, scopes %q", l.tabs.Load(), got)
	}
}

// MCP 2025-11-25, Step-Up Authorization Flow: a scope that was requested and not granted leads to no second
// authorization, in the same request or in a later one: the refusal is the answer.
func TestStepUpIsBounded(t *testing.T) {
	for _, signedIn := range []bool{false, true} {
		l := newNetworkLab(t, nil)
		_, h := l.client(l.store(""), nil)
		tabs := int64(2)
		if signedIn {
			l.mustCall(h, "1")
		}
		l.res.demand("never:granted")
		for range 3 {
			status, _, err := l.call(h, "2")
			if err != nil || status != http.StatusForbidden || l.tabs.Load() != tabs {
				t.Errorf("signed in before: %v; status %d, err %v, %d tabs", signedIn, status, err, l.tabs.Load())
			}
		}
	}
}

// A server that refuses every token is not asked for ever.
func TestServerThatRefusesAllTokens(t *testing.T) {
	l := newNetworkLab(t, nil)
	_, h := l.client(l.store(""), func(c *oauth.Config) { c.Key.Resource = oauth.NoResource })
	_, _, err := l.call(h, "1")
	if !strings.Contains(hint.Of(err), "audience") {
		t.Errorf("%v", err)
	}
	if l.tabs.Load() > 2 {
		t.Errorf("%d tabs", l.tabs.Load())
	}
}

// A person who declines is not asked again by the next request at once.
func TestDeniedLoginIsNotRepeated(t *testing.T) {
	l := newNetworkLab(t, nil)
	l.who = ""
	_, h := l.client(l.store(""), func(c *oauth.Config) { c.Interactive = false })
	for range 3 {
		_, _, err := l.call(h, "1")
		if !errors.Is(err, grant.ErrDenied) {
			t.Fatalf("%v", err)
		}
		// Each time what happened is said once, and what to do about that.
		if said := err.Error(); strings.Count(said, "sign in") != 1 || strings.Count(said, "access_denied") != 1 {
			t.Error(said)
		}
		var e *grant.Error
		if !errors.As(err, &e) || !strings.Contains(e.UserHint(), "the login was refused, or the account may not use this server") {
			t.Errorf("%v: the hint is %q", err, e.UserHint())
		}
	}
	if l.tabs.Load() != 1 {
		t.Errorf("%d tabs", l.tabs.Load())
	}
}

// The token goes to the configured origin only, and a request with its
// own Authorization header is left alone.
func TestTokenGoesToItsServerOnly(t *testing.T) {
	l := newNetworkLab(t, nil)
	_, h := l.client(l.store(""), nil)
	l.mustCall(h, "1")
	var got atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header.Get("Authorization")) }))
	defer other.Close()
	resp, err := h.Get(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got.Load() != "" {
		t.Error("the token left its origin")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, l.server().String(), nil)
	req.Header.Set("Authorization", "Bearer mine")
	if resp, err = h.Do(req); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("%v", err)
	}
	resp.Body.Close()
	if l.tabs.Load() != 1 {
		t.Error("somebody else's header led to a login")
	}
}

// Without a person (token, status) a missing login is an error with a hint.
func TestNobodyToAsk(t *testing.T) {
	l := newNetworkLab(t, nil)
	c, h := l.client(l.store(""), func(c *oauth.Config) { c.Listen = nil })
	if _, _, err := l.call(h, "1"); !errors.Is(err, oauth.ErrLoginRequired) {
		t.Errorf("%v", err)
	}
	if _, err := c.Token(t.Context()); !errors.Is(err, oauth.ErrLoginRequired) {
		t.Errorf("%v", err)
	}
	if l.tabs.Load() != 0 {
		t.Error("a browser was opened")
	}
}

// Logout revokes at the provider and forgets here.
func TestLogout(t *testing.T) {
	l := newNetworkLab(t, nil)
	s := l.store("")
	c, h := l.client(s, nil)
	l.mustCall(h, "1")
	if _, err := c.Logout(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), oauth.Key{Server: l.server().String()}); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("still stored: %v", err)
	}
	if n := l.idp.Stats().Revocations; n < 1 {
		t.Errorf("%d revocations", n)
	}
	if _, err := c.Logout(t.Context(), false); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("second logout: %v", err)
	}
}

// Closing in the middle of a login ends it at once and frees the port.
func TestCloseEndsALogin(t *testing.T) {
	l := newNetworkLab(t, nil)
	shown := make(chan string, 1)
	c, h := l.client(l.store(""), func(c *oauth.Config) {
		c.ShowPrompt = func(_ context.Context, p oauth.Prompt) { shown <- p.URL }
	})
	done := make(chan error, 1)
	go func() { _, _, err := l.call(h, "1"); done <- err }()
	address := <-shown
	c.Close()
	if err := <-done; err == nil {
		t.Error("the request succeeded")
	}
	u, _ := url.Parse(address)
	if resp, err := http.Get(u.Query().Get("redirect_uri")); err == nil {
		resp.Body.Close()
		t.Error("the listener is still there")
	}
}

// A provider where nobody can register says what to do and where.
func TestNoWayToRegisterIsExplained(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.Registration = false })
	_, h := l.client(l.store(""), nil)
	_, _, err := l.call(h, "1")
	if !strings.Contains(hint.Of(err), "--client-id") || !strings.Contains(hint.Of(err), "http://127.0.0.1/callback") {
		t.Errorf("%v", err)
	}
}

// A client registered by hand, on any port (RFC 8252, section 7.3).
func TestGivenClientIsUsed(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) {
		c.Registration = false
		c.Clients = []devidp.Client{{ID: "native", ApplicationType: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	_, h := l.client(l.store(""), func(c *oauth.Config) { c.Identity.ClientID = "native" })
	l.mustCall(h, "1")
}

// Logto finding 1: a resource that is not registered ends in the browser's
// redirect, and the error names the string to register.
func TestUnregisteredResource(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.Resources = nil })
	_, h := l.client(l.store(""), nil)
	_, _, err := l.call(h, "1")
	if !strings.Contains(hint.Of(err), l.server().String()) {
		t.Errorf("%v", err)
	}
}
