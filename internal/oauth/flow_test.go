package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resource is a protected MCP endpoint that wants JWTs made for it.
type resource struct {
	*httptest.Server
	issuer   atomic.Pointer[string]
	requests atomic.Int64
	answered atomic.Int64

	mu      sync.Mutex
	revoked map[string]bool
	seen    map[string]bool
	scope   string // demanded by 403 insufficient_scope, "" for none
	bodies  []string
}

func newResource(t *testing.T) *resource {
	r := &resource{revoked: map[string]bool{}, seen: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		r.requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"resource":"`+r.URL+`/mcp","authorization_servers":["`+*r.issuer.Load()+`"],"scopes_supported":["mcp:read"]}`)
	})
	mux.HandleFunc("/mcp", r.serve)
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *resource) serve(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	body, _ := io.ReadAll(req.Body)
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[token] = true
	var claims jwt.MapClaims
	_, _, err := jwt.NewParser().ParseUnverified(token, &claims)
	aud, _ := claims.GetAudience()
	exp, _ := claims.GetExpirationTime()
	challenge := `Bearer resource_metadata="` + r.URL + `/.well-known/oauth-protected-resource/mcp"`
	switch {
	case err != nil || len(aud) != 1 || aud[0] != r.URL+"/mcp" || exp == nil || time.Now().After(exp.Time) || r.revoked[token]:
		if token != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
	case r.scope != "" && !strings.Contains(" "+scopeOf(claims)+" ", " "+r.scope+" "):
		w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="`+r.scope+`"`)
		w.WriteHeader(http.StatusForbidden)
	default:
		r.bodies = append(r.bodies, string(body))
		r.answered.Add(1)
		_, _ = io.WriteString(w, "sub="+claims["sub"].(string))
	}
}

func scopeOf(claims jwt.MapClaims) string { s, _ := claims["scope"].(string); return s }

// revokeSeen makes the server refuse every token it has seen, as after a
// server-side invalidation: nothing on the client's side knows.
func (r *resource) revokeSeen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.seen {
		r.revoked[token] = true
	}
}

// lab is a provider, a protected server and a person who answers the browser.
type lab struct {
	t    *testing.T
	idp  *devidp.Server
	res  *resource
	tabs atomic.Int64
	who  string // "" denies
}

func newLab(t *testing.T, change func(*devidp.Config)) *lab {
	t.Helper()
	res := newResource(t)
	cfg := devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: res.URL + "/mcp", Scopes: []string{"mcp:read", "mcp:write"}}}}
	if change != nil {
		change(&cfg)
	}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	issuer := idp.Issuer()
	res.issuer.Store(&issuer)
	return &lab{t: t, idp: idp, res: res, who: "alice"}
}

func (l *lab) server() *url.URL {
	u, err := url.Parse(l.res.URL + "/mcp")
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

func (l *lab) store(dir string) *store.Store {
	l.t.Helper()
	kind := store.Kind("memory")
	if dir != "" {
		kind = "file"
	}
	s, err := store.Open(store.Options{Dir: dir, Kind: kind})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// client is what one mcp-login process has.
func (l *lab) client(s oauth.Store, change func(*oauth.Config)) (*oauth.Client, *http.Client) {
	l.t.Helper()
	server := l.server()
	var people sync.WaitGroup
	cfg := oauth.Config{
		Server: server, Key: oauth.Key{Server: server.String()}, Store: s,
		HTTP:     discovery.NewGuard(server, nil, nil).HTTPClient(),
		Identity: grant.Identity{Name: "test"},
		Listen: func(ctx context.Context, _, _ string, port int) (oauth.Redirect, error) {
			return loopback.Listen(ctx, loopback.Options{Port: port})
		},
		ShowPrompt: func(_ context.Context, p oauth.Prompt) {
			l.tabs.Add(1)
			people.Go(func() { l.person(p.URL) })
		},
		LoginTimeout: 20 * time.Second,
		Interactive:  true, // askagain_test.go has the tests without it
	}
	if change != nil {
		change(&cfg)
	}
	c := oauth.New(cfg)
	wire := &http.Transport{MaxIdleConnsPerHost: 64}
	l.t.Cleanup(func() { c.Close(); people.Wait(); wire.CloseIdleConnections() })
	return c, &http.Client{Transport: c.Transport(wire)}
}

// person plays the human in front of the browser.
func (l *lab) person(address string) {
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, _ = devidp.Approve(context.Background(), browser, address, l.who)
}

// call sends one request and returns the status and the answer.
func (l *lab) call(h *http.Client, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.server().String(), strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), nil
}

func (l *lab) mustCall(h *http.Client, body string) {
	l.t.Helper()
	if status, answer, err := l.call(h, body); err != nil || status != 200 || !strings.HasPrefix(answer, "sub=") {
		l.t.Fatalf("status %d, answer %q, err %v", status, answer, err)
	}
}

// A refused request leads to one
// login and one replay with the same body; the next process starts signed in
// and sends nothing but its own request.
func TestFirstLoginAndNextStart(t *testing.T) {
	l := newLab(t, nil)
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
	l := newLab(t, func(c *devidp.Config) { c.AccessTokenTTL = time.Second })
	s := l.store("")
	_, h := l.client(s, nil)
	l.mustCall(h, "1")
	waitExpired(t, s, l)
	l.mustCall(h, "2")
	if n := l.idp.Stats().Refreshes; n < 1 || l.tabs.Load() != 1 {
		t.Errorf("%d refreshes, %d tabs", n, l.tabs.Load())
	}
}

func waitExpired(t *testing.T, s oauth.Store, l *lab) {
	t.Helper()
	cred, err := s.Load(t.Context(), oauth.Key{Server: l.server().String()})
	if err != nil || cred.RefreshToken.IsZero() {
		t.Fatalf("stored: refresh token %v, err %v", !cred.RefreshToken.IsZero(), err)
	}
	<-time.After(time.Until(cred.Expiry)) // the provider's own clock decides
}

// Eight clients with one store, three
// calls each, the server suddenly refuses a token that has an hour to live,
// and the provider revokes everything when a refresh token comes twice.
func TestRefusedTokenIsRefreshedOnceForAll(t *testing.T) {
	l := newLab(t, func(c *devidp.Config) { c.ReuseLeeway = -1 })
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
	l := newLab(t, nil)
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

// A provider in trouble does not cost the login.
func TestProviderTroubleKeepsTheLogin(t *testing.T) {
	for _, status := range []int{503, 429} {
		l := newLab(t, nil)
		s := l.store("")
		_, h := l.client(s, nil)
		l.mustCall(h, "1")
		l.idp.SetFaults(devidp.Faults{TokenStatus: status, TokenStatusTimes: 1})
		l.res.revokeSeen()
		l.mustCall(h, "2")
		l.idp.SetFaults(devidp.Faults{TokenStatus: status, TokenStatusTimes: 1000})
		l.res.revokeSeen()
		if _, _, err := l.call(h, "3"); !errors.Is(err, discovery.ErrUnavailable) {
			t.Errorf("%d: %v", status, err)
		}
		l.idp.SetFaults(devidp.Faults{})
		l.mustCall(h, "4")
		if l.tabs.Load() != 1 {
			t.Errorf("%d: %d tabs", status, l.tabs.Load())
		}
	}
}

// A refresh token that is over leads to one login, not to a loop.
func TestRefusedRefreshTokenLeadsToOneLogin(t *testing.T) {
	l := newLab(t, func(c *devidp.Config) { c.RefreshTokenTTL = -time.Second })
	_, h := l.client(l.store(""), nil)
	l.mustCall(h, "1")
	l.res.revokeSeen()
	l.mustCall(h, "2")
	if l.tabs.Load() != 2 || l.idp.Stats().Registrations != 1 {
		t.Errorf("%d tabs, %d registrations", l.tabs.Load(), l.idp.Stats().Registrations)
	}
}

// 403 insufficient_scope asks for the union of scopes and repeats.
func TestStepUpAsksForMoreScopes(t *testing.T) {
	l := newLab(t, nil)
	s := l.store("")
	_, h := l.client(s, nil)
	l.mustCall(h, "1")
	l.res.mu.Lock()
	l.res.scope = "mcp:write"
	l.res.mu.Unlock()
	l.mustCall(h, "2")
	cred, err := s.Load(t.Context(), oauth.Key{Server: l.server().String()})
	if err != nil || l.tabs.Load() != 2 || !strings.Contains(strings.Join(cred.RequestedScopes, " "), "mcp:read") || !strings.Contains(strings.Join(cred.RequestedScopes, " "), "mcp:write") {
		t.Errorf("tabs %d, scopes %q, err %v", l.tabs.Load(), cred.RequestedScopes, err)
	}
}

// MCP 2025-11-25, Step-Up Authorization Flow: a scope that was requested and not granted leads to no second
// authorization, in the same request or in a later one: the refusal is the answer.
func TestStepUpIsBounded(t *testing.T) {
	for _, signedIn := range []bool{false, true} {
		l := newLab(t, nil)
		_, h := l.client(l.store(""), nil)
		tabs := int64(2)
		if signedIn {
			l.mustCall(h, "1")
		}
		l.res.mu.Lock()
		l.res.scope = "never:granted"
		l.res.mu.Unlock()
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
	l := newLab(t, nil)
	_, h := l.client(l.store(""), func(c *oauth.Config) { c.Key.Resource = oauth.NoResource })
	_, _, err := l.call(h, "1")
	var advice interface{ UserHint() string }
	if !errors.As(err, &advice) || !strings.Contains(advice.UserHint(), "audience") {
		t.Errorf("%v", err)
	}
	if l.tabs.Load() > 2 {
		t.Errorf("%d tabs", l.tabs.Load())
	}
}

// An answer of another issuer ends the login before any token request.
func TestWrongIssuerSendsNothing(t *testing.T) {
	for name, faults := range map[string]devidp.Faults{"wrong": {RedirectIssuer: "https://evil.example"}, "missing": {OmitRedirectIssuer: true}} {
		l := newLab(t, func(c *devidp.Config) { c.Faults = faults })
		_, h := l.client(l.store(""), nil)
		if _, _, err := l.call(h, "1"); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if n := l.idp.Stats().CodeExchanges; n != 0 {
			t.Errorf("%s: %d token requests", name, n)
		}
	}
}

// A person who declines is not asked again by the next request at once.
func TestDeniedLoginIsNotRepeated(t *testing.T) {
	l := newLab(t, nil)
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
	l := newLab(t, nil)
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
	l := newLab(t, nil)
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
	l := newLab(t, nil)
	s := l.store("")
	c, h := l.client(s, nil)
	l.mustCall(h, "1")
	if err := c.Logout(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), oauth.Key{Server: l.server().String()}); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("still stored: %v", err)
	}
	if n := l.idp.Stats().Revocations; n < 1 {
		t.Errorf("%d revocations", n)
	}
	if err := c.Logout(t.Context(), false); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("second logout: %v", err)
	}
}

// Closing in the middle of a login ends it at once and frees the port.
func TestCloseEndsALogin(t *testing.T) {
	l := newLab(t, nil)
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
	l := newLab(t, func(c *devidp.Config) { c.Registration = false })
	_, h := l.client(l.store(""), nil)
	_, _, err := l.call(h, "1")
	var advice interface{ UserHint() string }
	if !errors.As(err, &advice) || !strings.Contains(advice.UserHint(), "--client-id") || !strings.Contains(advice.UserHint(), "http://127.0.0.1/callback") {
		t.Errorf("%v", err)
	}
}

// A client registered by hand, on any port (RFC 8252, section 7.3).
func TestGivenClientIsUsed(t *testing.T) {
	l := newLab(t, func(c *devidp.Config) {
		c.Registration = false
		c.Clients = []devidp.Client{{ID: "native", ApplicationType: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	_, h := l.client(l.store(""), func(c *oauth.Config) { c.Identity.ClientID = "native" })
	l.mustCall(h, "1")
}

// Logto finding 1: a resource that is not registered ends in the browser's
// redirect, and the error names the string to register.
func TestUnregisteredResource(t *testing.T) {
	l := newLab(t, func(c *devidp.Config) { c.Resources = nil })
	_, h := l.client(l.store(""), nil)
	_, _, err := l.call(h, "1")
	var advice interface{ UserHint() string }
	if !errors.As(err, &advice) || !strings.Contains(advice.UserHint(), l.server().String()) {
		t.Errorf("%v", err)
	}
}
