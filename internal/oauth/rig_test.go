package oauth_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
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

const (
	bubbleProvider = "127.0.0.1:9001"
	bubbleServer   = "127.0.0.1:9002"
	bubbleCallback = "127.0.0.1:9003"
	tokenPath      = "POST /oidc/token"
)

// bubble is a lab without a network, to be used inside synctest.Test.
type bubble struct {
	*lab
	wire   *wire
	people sync.WaitGroup
	think  time.Duration // how long the person takes; less than 0 for ever
	device oauth.DevicePolicy

	mu       sync.Mutex
	prompt   oauth.Prompt
	redirect *bubbleRedirect // of the login by browser that is under way
}

func newBubble(t *testing.T, change func(*devidp.Config)) *bubble {
	t.Helper()
	res := &resource{Server: &httptest.Server{URL: "http://" + bubbleServer}, revoked: map[string]bool{}, seen: map[string]bool{}}
	cfg := devidp.Config{
		Registration: true,
		Resources:    []devidp.Resource{{Indicator: res.URL + "/mcp", Scopes: []string{"mcp:read", "mcp:write"}}},
	}
	if change != nil {
		change(&cfg)
	}
	issuer := "http://" + bubbleProvider + "/oidc"
	idp, err := devidp.New(issuer, cfg)
	if err != nil {
		t.Fatal(err)
	}
	res.issuer.Store(&issuer)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"resource":"`+res.URL+`/mcp","authorization_servers":["`+issuer+`"],"scopes_supported":["mcp:read"]}`)
	})
	mux.HandleFunc("/mcp", res.serve)
	b := &bubble{
		lab:   &lab{t: t, idp: &devidp.Server{Provider: idp}, res: res, who: "alice"},
		wire:  &wire{hosts: map[string]http.Handler{bubbleProvider: idp, bubbleServer: mux}},
		think: time.Second, device: oauth.DeviceAlways,
	}
	b.wire.hosts[bubbleCallback] = http.HandlerFunc(b.callback)
	t.Cleanup(b.people.Wait)
	return b
}

// client is what one process has.
func (b *bubble) client(s oauth.Store, change func(*oauth.Config)) (*oauth.Client, *http.Client) {
	b.t.Helper()
	server := b.server()
	network := discovery.NewGuard(server, nil, nil).HTTPClient() // for its rules about redirects
	network.Transport = b.wire
	cfg := oauth.Config{
		Server: server, Key: oauth.Key{Server: server.String()}, Store: s, HTTP: network,
		Identity: grant.Identity{Name: "test"}, Device: b.device, LoginTimeout: 30 * time.Minute, Interactive: true,
		Listen: b.listen,
		ShowPrompt: func(ctx context.Context, p oauth.Prompt) {
			b.tabs.Add(1)
			b.mu.Lock()
			b.prompt = p
			b.mu.Unlock()
			if b.think >= 0 {
				b.people.Go(func() { b.approve(ctx, p) })
			}
		},
	}
	if change != nil {
		change(&cfg)
	}
	c := oauth.New(cfg)
	b.t.Cleanup(c.Close)
	return c, &http.Client{Transport: c.Transport(b.wire)}
}

// approve plays the person in front of the browser.
func (b *bubble) approve(ctx context.Context, p oauth.Prompt) {
	select {
	case <-time.After(b.think):
	case <-ctx.Done():
		return
	}
	address := p.URL
	if p.UserCode != "" {
		address = p.CompleteURL
	}
	// The browser is no part of the login: it goes on when that has ended.
	if _, err := devidp.Approve(context.WithoutCancel(ctx), &http.Client{Transport: b.wire}, address, b.who); err != nil {
		b.t.Error(err)
	}
}

// bubbleRedirect is an oauth.Redirect without a port.
type bubbleRedirect struct {
	state   string
	arrived chan url.Values
}

func (b *bubble) listen(context.Context, string, string, int) (oauth.Redirect, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.redirect = &bubbleRedirect{arrived: make(chan url.Values, 1)}
	return b.redirect, nil
}

func (b *bubble) callback(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
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

func (r *bubbleRedirect) Local(string) (here, mark string) { return "", "" }

func (r *bubbleRedirect) Receive(ctx context.Context, state string, begin func()) (url.Values, func(string, error), error) {
	r.state = state // nobody knows the address before begin
	begin()
	select {
	case answer := <-r.arrived:
		return answer, func(string, error) {}, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// signedIn returns a bubble with a login by browser in s, whose token the
// server refuses from now on: whatever comes next needs a refresh.
func signedIn(t *testing.T, dir string, change func(*devidp.Config)) (*bubble, oauth.Store) {
	t.Helper()
	b := newBubble(t, change)
	b.device = oauth.DeviceNever
	s := b.store(dir)
	_, h := b.client(s, nil)
	b.mustCall(h, "login")
	b.res.revokeSeen()
	if cred := b.stored(s); cred.RefreshToken.IsZero() {
		t.Fatal("the login has no refresh token")
	}
	return b, s
}

func (b *bubble) stored(s oauth.Store) oauth.Credential {
	b.t.Helper()
	cred, err := s.Load(b.t.Context(), oauth.Key{Server: b.server().String()})
	if err != nil {
		b.t.Fatal(err)
	}
	return cred
}

// all sends one request with each client at once and returns the errors.
func (b *bubble) all(clients []*http.Client) (failures []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, h := range clients {
		wg.Go(func() {
			status, _, err := b.call(h, "x")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			if err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failures
}

// spend uses the stored refresh token as a sibling would that keeps the answer
// for itself: another machine with a copy of the store, or an older program.
func (b *bubble) spend(cred oauth.Credential) {
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
func (b *bubble) exact() (refused *atomic.Int64) {
	refused = new(atomic.Int64)
	old := b.wire.hosts[bubbleServer]
	b.wire.hosts[bubbleServer] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var claims jwt.MapClaims
		_, _, err := jwt.NewParser().ParseUnverified(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims)
		end, _ := claims["exp"].(float64)
		switch {
		case r.URL.Path != "/mcp" || err != nil:
			old.ServeHTTP(w, r)
		case float64(time.Now().UnixMicro())/1e6 > end:
			refused.Add(1)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, "sub="+fmt.Sprint(claims["sub"]))
		}
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
