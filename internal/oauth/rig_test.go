package oauth_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
)

// hit is one request as the wire saw it.
type hit struct {
	at   time.Time
	path string
}

// wire takes requests to handlers in this process, so that a test can have its
// own clock. It keeps the promises of http.RoundTripper that matter here: a
// request ends with its context, and a handler that aborts cuts the answer off.
type wire struct {
	hosts map[string]http.Handler
	// fail, if set, says with which error a request ends unseen.
	fail func(*http.Request) error

	mu   sync.Mutex
	hits []hit
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	if in.RequestURI = req.URL.RequestURI(); in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w.mu.Lock()
	w.hits = append(w.hits, hit{time.Now(), req.Method + " " + req.URL.Path})
	w.mu.Unlock()
	if w.fail != nil {
		if err := w.fail(req); err != nil {
			return nil, err
		}
	}
	rec, done := httptest.NewRecorder(), make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		defer func() {
			if recover() != nil {
				err = io.ErrUnexpectedEOF
			}
		}()
		w.hosts[req.URL.Host].ServeHTTP(rec, in)
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		resp := rec.Result()
		resp.Request = req
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// times returns when path was asked for.
func (w *wire) times(path string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []time.Time
	for _, h := range w.hits {
		if h.path == path {
			list = append(list, h.at)
		}
	}
	return list
}

// pauses are the times between the requests for path, the first counted from
// start.
func (w *wire) pauses(path string, start time.Time) []time.Duration {
	var list []time.Duration
	for _, at := range w.times(path) {
		list, start = append(list, at.Sub(start)), at
	}
	return list
}

// resource is a protected MCP endpoint that wants JWTs made for it.
type resource struct {
	url      string // of the server, without the path
	issuer   atomic.Pointer[string]
	requests atomic.Int64
	answered atomic.Int64

	mu      sync.Mutex
	revoked map[string]bool
	seen    map[string]bool
	scope   string // demanded by 403 insufficient_scope, "" for none
	bodies  []string
}

// ServeHTTP implements http.Handler.
func (r *resource) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch req.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		r.requests.Add(1)
		says(http.StatusOK, `{"resource":"`+r.url+`/mcp","authorization_servers":["`+*r.issuer.Load()+`"],"scopes_supported":["mcp:read"]}`)(w, req)
	case "/mcp":
		r.serve(w, req)
	default:
		http.NotFound(w, req)
	}
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
	granted, _ := claims["scope"].(string)
	challenge := `Bearer resource_metadata="` + r.url + `/.well-known/oauth-protected-resource/mcp"`
	switch {
	case err != nil || len(aud) != 1 || aud[0] != r.url+"/mcp" || exp == nil || time.Now().After(exp.Time) || r.revoked[token]:
		if token != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
	case r.scope != "" && !slices.Contains(strings.Fields(granted), r.scope):
		w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="`+r.scope+`"`)
		w.WriteHeader(http.StatusForbidden)
	default:
		r.bodies = append(r.bodies, string(body))
		r.answered.Add(1)
		_, _ = io.WriteString(w, "sub="+claims["sub"].(string))
	}
}

// revokeSeen makes the server refuse every token it has seen, as after a
// server-side invalidation: nothing on the client's side knows.
func (r *resource) revokeSeen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.seen {
		r.revoked[token] = true
	}
}

// demand makes the server want a scope.
func (r *resource) demand(scope string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scope = scope
}

const (
	bubbleProvider = "127.0.0.1:9001"
	bubbleServer   = "127.0.0.1:9002"
	bubbleCallback = "127.0.0.1:9003"
	tokenPath      = "POST /oidc/token"
)

// lab is a provider, a protected server and a person who answers the browser.
type lab struct {
	t    *testing.T
	idp  *devidp.Server
	res  *resource
	wire *wire // nil in a lab on the network
	tabs atomic.Int64

	who    string        // "" denies
	think  time.Duration // how long the person takes; less than 0 for ever
	device oauth.DevicePolicy
	people sync.WaitGroup
	// careless people let errors on pages be, as they all do on the network.
	careless bool
	// here tells that people open the local address, if there is one.
	here bool

	mu       sync.Mutex
	prompt   oauth.Prompt
	redirect *bubbleRedirect // of the login by browser that is under way
}

// inBubble is a test with a lab that has its own clock and no network.
func inBubble(change func(*devidp.Config), f func(t *testing.T, b *lab)) func(*testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newLab(t, change)) })
	}
}

// newLab is for use inside synctest.Test.
func newLab(t *testing.T, change func(*devidp.Config)) *lab {
	t.Helper()
	l := labOf(t, "http://"+bubbleServer, "http://"+bubbleProvider+"/oidc", change)
	l.wire = &wire{hosts: map[string]http.Handler{bubbleProvider: l.idp, bubbleServer: l.res, bubbleCallback: http.HandlerFunc(l.callback)}}
	l.think = time.Second
	return l
}

// newNetworkLab is a lab on the loopback interface, with the listener of programs.
func newNetworkLab(t *testing.T, change func(*devidp.Config)) *lab {
	t.Helper()
	return newNetworkLabBehind(t, change, func(provider http.Handler) http.Handler { return provider })
}

// newNetworkLabBehind has a front before the provider.
func newNetworkLabBehind(t *testing.T, change func(*devidp.Config), front func(http.Handler) http.Handler) *lab {
	t.Helper()
	provider, server := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	t.Cleanup(provider.Close)
	t.Cleanup(server.Close)
	l := labOf(t, "http://"+server.Listener.Addr().String(), "http://"+provider.Listener.Addr().String()+"/oidc", change)
	provider.Config.Handler, server.Config.Handler = front(l.idp), l.res
	l.careless = true
	provider.Start()
	server.Start()
	return l
}

func labOf(t *testing.T, server, issuer string, change func(*devidp.Config)) *lab {
	t.Helper()
	cfg := devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: server + "/mcp", Scopes: []string{"mcp:read", "mcp:write"}}}}
	if change != nil {
		change(&cfg)
	}
	idp, err := devidp.New(issuer, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, idp: &devidp.Server{Provider: idp}, res: &resource{url: server, revoked: map[string]bool{}, seen: map[string]bool{}}, who: "alice"}
	l.res.issuer.Store(&issuer)
	t.Cleanup(l.people.Wait)
	return l
}

func (l *lab) server() *url.URL {
	u, err := url.Parse(l.res.url + "/mcp")
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

func (l *lab) store(dir string) *store.Store {
	l.t.Helper()
	kind := store.KindMemory
	if dir != "" {
		kind = store.KindFile
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
	cfg := oauth.Config{
		Server: server, Key: oauth.Key{Server: server.String()}, Store: s,
		HTTP:     discovery.NewGuard(server, nil, nil).HTTPClient(), // in a bubble for its rules about redirects
		Identity: grant.Identity{Name: "test"}, Device: l.device,
		Interactive:  true, // askagain_test.go has the tests without it
		LoginTimeout: 20 * time.Second,
		Listen: func(ctx context.Context, _, _ string, port int) (oauth.Redirect, error) {
			return loopback.Listen(ctx, loopback.Options{Port: port})
		},
		ShowPrompt: func(ctx context.Context, p oauth.Prompt) {
			l.tabs.Add(1)
			l.mu.Lock()
			l.prompt = p
			l.mu.Unlock()
			if l.think >= 0 && (!l.here || !p.Resumed) { // else the open tab goes on
				l.people.Go(func() { l.approve(ctx, p) })
			}
		},
	}
	if l.wire != nil {
		cfg.HTTP.Transport, cfg.Listen, cfg.LoginTimeout = l.wire, l.listen, 30*time.Minute
	}
	if change != nil {
		change(&cfg)
	}
	c := oauth.New(cfg)
	if l.wire != nil {
		l.t.Cleanup(c.Close)
		return c, &http.Client{Transport: c.Transport(l.wire)}
	}
	network := &http.Transport{MaxIdleConnsPerHost: 64}
	l.t.Cleanup(func() { c.Close(); l.people.Wait(); network.CloseIdleConnections() })
	return c, &http.Client{Transport: c.Transport(network)}
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

// approve plays the person in front of the browser.
func (b *lab) approve(ctx context.Context, p oauth.Prompt) {
	select {
	case <-time.After(b.think):
	case <-ctx.Done():
		return
	}
	// The browser is no part of the login: it goes on when that has ended.
	address := cmp.Or(p.CompleteURL, p.URL)
	if b.here && p.Local != "" {
		address = p.Local
	}
	_, err := devidp.Approve(context.WithoutCancel(ctx), b.browser(), address, b.who)
	if err != nil && !b.careless {
		b.t.Error(err)
	}
}

func (b *lab) browser() *http.Client {
	if b.wire != nil {
		return &http.Client{Transport: b.wire}
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// bubbleRedirect is an oauth.Redirect without a port.
type bubbleRedirect struct {
	state   string
	arrived chan url.Values
	failed  chan error
	visit   func(context.Context) (string, error)
}

func (b *lab) listen(context.Context, string, string, int) (oauth.Redirect, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.redirect = &bubbleRedirect{arrived: make(chan url.Values, 1), failed: make(chan error, 1)}
	return b.redirect, nil
}

func (b *lab) callback(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/callback/visit" && b.redirect != nil {
		b.redirect.lead(w, r)
		return
	}
	if r.URL.Path != "/callback" || b.redirect == nil || b.redirect.state == "" || r.URL.Query().Get("state") != b.redirect.state {
		http.Error(w, "not expected", http.StatusBadRequest)
		return
	}
	b.redirect.state = ""
	b.redirect.arrived <- r.URL.Query()
}

func (r *bubbleRedirect) URI() string  { return "http://" + bubbleCallback + "/callback" }
func (r *bubbleRedirect) Here() string { return r.URI() }
func (r *bubbleRedirect) Close() error { return nil }

func (r *bubbleRedirect) Local(_ string, visit func(context.Context) (string, error)) (here, mark string) {
	if r.visit = visit; visit == nil {
		return "", ""
	}
	return r.URI() + "/visit", "x=y"
}

// lead sends the browser to where the visit leads.
func (r *bubbleRedirect) lead(w http.ResponseWriter, req *http.Request) {
	to, err := r.visit(req.Context())
	if err != nil {
		r.failed <- err
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, req, to, http.StatusSeeOther)
}

func (r *bubbleRedirect) Receive(ctx context.Context, state string, begin func()) (url.Values, func(string, error), error) {
	r.state = state // nobody knows the address before begin
	begin()
	select {
	case answer := <-r.arrived:
		return answer, func(string, error) {}, nil
	case err := <-r.failed:
		return nil, nil, err
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// signedIn is a test in a bubble with a login by browser in s, whose token the server
// refuses from now on: whatever comes next needs a refresh.
func signedIn(change func(*devidp.Config), f func(t *testing.T, b *lab, s oauth.Store)) func(*testing.T) {
	return signedInAt("", change, f)
}

// signedInAt has the login in a directory, if that is not "".
func signedInAt(dir string, change func(*devidp.Config), f func(t *testing.T, b *lab, s oauth.Store)) func(*testing.T) {
	return inBubble(change, func(t *testing.T, b *lab) {
		s := b.store(dir)
		_, h := b.client(s, nil)
		b.mustCall(h, "login")
		b.res.revokeSeen()
		if b.stored(s).RefreshToken.IsZero() {
			t.Fatal("the login has no refresh token")
		}
		f(t, b, s)
	})
}

func (b *lab) stored(s oauth.Store) oauth.Credential {
	b.t.Helper()
	cred, err := s.Load(b.t.Context(), oauth.Key{Server: b.server().String()})
	if err != nil {
		b.t.Fatal(err)
	}
	return cred
}

// save changes what is stored.
func (b *lab) save(s oauth.Store, cred oauth.Credential) {
	b.t.Helper()
	if err := s.Save(b.t.Context(), oauth.Key{Server: b.server().String()}, cred); err != nil {
		b.t.Fatal(err)
	}
}

// processes are n of one account: with the same store, or each with one of its own in
// a directory, if that is not "".
func (b *lab) processes(n int, s oauth.Store, dir string, change func(*oauth.Config)) (clients []*http.Client) {
	for range n {
		if dir != "" {
			s = b.store(dir)
		}
		_, h := b.client(s, change)
		clients = append(clients, h)
	}
	return clients
}

// all sends one request with each client at once and returns their errors.
func (b *lab) all(clients []*http.Client) []error {
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, h := range clients {
		wg.Go(func() {
			status, _, err := b.call(h, "x")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errs
}

func (b *lab) mustAll(clients []*http.Client) {
	b.t.Helper()
	if err := errors.Join(b.all(clients)...); err != nil {
		b.t.Fatalf("of %d: %v", len(clients), err)
	}
}

// before lets answer see the requests to a host; what it returns true for it has
// answered itself.
func (w *wire) before(host string, answer func(http.ResponseWriter, *http.Request) bool) {
	next := w.hosts[host]
	w.hosts[host] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !answer(rw, r) {
			next.ServeHTTP(rw, r)
		}
	})
}

// spend uses the stored refresh token as a sibling would that keeps the answer
// for itself: another machine with a copy of the store, or an older program.
func (b *lab) spend(cred oauth.Credential) {
	b.t.Helper()
	resp, err := (&http.Client{Transport: b.wire}).PostForm("http://"+bubbleProvider+"/oidc/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken.Reveal()}, "client_id": {cred.Registration.ClientID}, "resource": {cred.Resource},
	})
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// exact replaces the server by one that ends a token at its very moment, and
// counts how often it has refused one.
func (b *lab) exact() (refused *atomic.Int64) {
	refused = new(atomic.Int64)
	b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
		var claims jwt.MapClaims
		_, _, err := jwt.NewParser().ParseUnverified(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims)
		end, _ := claims["exp"].(float64)
		switch {
		case r.URL.Path != "/mcp" || err != nil:
			return false
		case float64(time.Now().UnixMicro())/1e6 > end:
			refused.Add(1)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, "sub="+fmt.Sprint(claims["sub"]))
		}
		return true
	})
	return refused
}

// cutOff ends every connection, after one request or before.
func cutOff(ln net.Listener, read bool, connects, forms *atomic.Int64) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		connects.Add(1)
		if read {
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && r.ParseForm() == nil && r.PostForm.Get("refresh_token") != "" {
				forms.Add(1)
			}
		}
		_ = conn.Close()
	}
}
