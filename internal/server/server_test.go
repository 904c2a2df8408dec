package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
	"mcp-login/test/issuer"
)

// Close ends open streams of both kinds, lets a call under way finish, and
// refuses what comes after.
func TestCloseEndsStreamsAndWaitsForCalls(t *testing.T) {
	i := issuer.Start(t)
	asked, proceed := make(chan struct{}), make(chan struct{})
	i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-proceed
		issuer.Answer(200, issuer.LogtoClaims)(w, r)
	}
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	legacy := openStream(t, l.url, c)
	listen := l.callModern(t, c, "subscriptions/listen", `"notifications":{"toolsListChanged":true},`)
	if listen.Header.Get("Content-Type") != "text/event-stream" || listen.Header.Get("X-Accel-Buffering") != "no" ||
		legacy.resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("S21: %v and %v", listen.Header, legacy.resp.Header)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp := post(t, clientWith(t, "opaque"), l.url+"/mcp", callWhoami); resp.StatusCode != 200 {
			t.Errorf("call under way: %d", resp.StatusCode)
		}
	})
	<-asked
	closed := make(chan error, 1)
	go func() { closed <- l.Close(t.Context()) }()
	for name, body := range map[string]io.Reader{"sse": legacy.reader, "listen": listen.Body} {
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Errorf("%s stream did not end cleanly: %v", name, err)
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("Close did not wait for the call: %v", err)
	default:
	}
	if resp := post(t, c, l.url+"/mcp", callWhoami); resp.StatusCode != 503 {
		t.Errorf("after Close: %d", resp.StatusCode)
	}
	close(proceed)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	wg.Wait()
	if err := l.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Close reaches a listen request at once, and everything else only in the end:
// our own streams say goodbye by themselves. Mcp-Method alone makes no listen
// request: it is believed of a message of 2026-07-28 only, and only when it says
// what the message says.
func TestWhatCloseEndsAtOnce(t *testing.T) {
	const modern, legacy, listen = "2026-07-28", "2025-11-25", "subscriptions/listen"
	for _, tt := range []struct {
		header, mcpMethod string
		message           bearer.Message
		want              bool
	}{
		{modern, listen, bearer.Message{Method: listen, Version: modern}, true},
		{modern, listen, bearer.Message{Method: "tools/call", Version: modern}, false},
		{modern, listen, bearer.Message{Method: listen}, false},
		{modern, listen, bearer.Message{Method: listen, Version: legacy}, false},
		{modern, "tools/call", bearer.Message{Method: listen, Version: modern}, false},
		{modern, "", bearer.Message{Method: listen, Version: modern}, false},
		{legacy, listen, bearer.Message{Method: listen, Version: modern}, false},
		{"", listen, bearer.Message{Method: listen, Version: modern}, false},
		{legacy, listen, bearer.Message{Method: listen, Version: legacy}, false},
		{"", listen, bearer.Message{Method: "tools/call"}, false},
	} {
		r := httptest.NewRequest("POST", "/mcp", nil)
		r.Header.Set("Mcp-Protocol-Version", tt.header)
		r.Header.Set("Mcp-Method", tt.mcpMethod)
		if got := listens(r, tt.message); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
	s := newServer(t, issuer.Start(t), nil)
	message, cancel := endedBy(t.Context(), s.life)
	defer cancel()
	stream, cancel := endedBy(message, s.streams)
	defer cancel()
	s.hangUp()
	<-stream.Done()
	if message.Err() != nil {
		t.Error("a call was ended with the streams")
	}
	s.endLife()
	<-message.Done()
}

// Close gives up on a call that does not end, and says so.
func TestCloseIsBounded(t *testing.T) {
	i := issuer.Start(t)
	asked, proceed := make(chan struct{}), make(chan struct{})
	defer close(proceed)
	i.Userinfo = func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-proceed
	}
	l := startServer(t, i, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp := post(t, clientWith(t, "opaque"), l.url+"/mcp", callWhoami); resp.StatusCode != 503 {
			t.Errorf("cut call: %d", resp.StatusCode)
		}
	})
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if l.life.Err() == nil {
		t.Error("what was under way was left running")
	}
	wg.Wait()
}

// Whatever a client sends, no part of a token reaches the log; the id in
// the answer is the one in the log.
func TestNoTokenInTheLog(t *testing.T) { onBothBackends(t, noTokenInTheLog) }

func noTokenInTheLog(t *testing.T, on setUp) {
	i := issuer.Start(t)
	var buf bytes.Buffer
	s := newServer(t, i, on(func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	const mark = "SeCrEtMaRk"
	good := i.Sign(t, issuer.Change{Claims: map[string]any{"jti": mark}})
	tokens := []string{
		good, mark + "opaque", good[:len(good)-4] + "AAAA", mark + "." + mark + "." + mark,
		i.Sign(t, issuer.Change{Header: map[string]any{"kid": mark}}),
		i.Sign(t, issuer.Change{Claims: map[string]any{"aud": mark, "sub": mark}}),
		base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+mark+`"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+mark+`"}`)) + ".x",
	}
	for _, token := range tokens {
		resp := call(s, "POST", "/mcp", token, callWhoami)
		if id := resp.Header.Get("X-Request-Id"); id == "" || !strings.Contains(buf.String(), id) {
			t.Errorf("request id %q is not in the log", id)
		}
		call(s, "POST", "/mcp?access_token="+token, "", callWhoami)
		call(s, "GET", "/"+token, "", "")
		call(s, "POST", "/mcp", "", callWhoami, "Authorization", token)
		call(s, "POST", "/mcp", "", callWhoami, "Authorization", "Bearer "+token, "Authorization", "Bearer x")
		call(s, token, "/mcp", token, callWhoami, "X-Request-Id", mark)
	}
	i.Userinfo = issuer.Answer(500, mark)
	call(s, "POST", "/mcp", mark+"2", callWhoami)
	log := buf.String()
	if log == "" {
		t.Fatal("nothing was logged")
	}
	for _, secret := range append(tokens, mark) {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %.20q", secret)
		}
	}
	for part := range strings.SplitSeq(good, ".") {
		if strings.Contains(log, part) {
			t.Errorf("the log has a part of a token")
		}
	}
}

// Every configuration mistake is reported, in one error.
func TestEveryConfigMistakeIsReported(t *testing.T) {
	good := func() Config {
		return Config{Config: bearer.Config{Resource: mustURL(t, "https://h.example/mcp"), Issuer: "https://id.example"}}
	}
	if cfg := good(); cfg.Check() != nil {
		t.Fatal(cfg.Check())
	}
	tests := map[string]func(*Config){
		"resource":          func(c *Config) { c.Resource = nil },
		"https":             func(c *Config) { c.Resource = mustURL(t, "http://h.example/mcp") },
		"https (":           func(c *Config) { c.Resource = mustURL(t, "http://10.0.0.1/mcp") },
		"query":             func(c *Config) { c.Resource = mustURL(t, "https://h.example/mcp?a=b") },
		"fragment":          func(c *Config) { c.Resource = mustURL(t, "https://h.example/mcp#a") },
		"user":              func(c *Config) { c.Resource = mustURL(t, "https://u:p@h.example/mcp") },
		"absolute":          func(c *Config) { c.Resource = mustURL(t, "/mcp") },
		"issuer: missing":   func(c *Config) { c.Issuer = "" },
		"issuer http":       func(c *Config) { c.Issuer = "http://id.example" },
		"issuer https://id": func(c *Config) { c.Issuer = "https://id.example?x" },
		"issuer":            func(c *Config) { c.Issuer = "::" },
		"leeway":            func(c *Config) { c.Leeway = -1 },
		"scope":             func(c *Config) { c.Scopes = []string{"a b"} },
		`scope "`:           func(c *Config) { c.RequiredScopes = []string{`a"b`} },
		"upstream":          func(c *Config) { c.Upstream = &gateway.Config{} },
		"X_Forwarded_User":  func(c *Config) { c.ForwardAuth = []gateway.IdentityHeader{{Name: "X_Forwarded_User", Claim: "sub"}} },
		"origin":            func(c *Config) { c.AllowedOrigins = []string{"https://h.example/"} },
	}
	for want, change := range tests {
		cfg := good()
		change(&cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New took it", want)
		}
	}
	cfg := Config{Config: bearer.Config{Scopes: []string{""}, Leeway: -1}}
	for _, want := range []string{"resource", "issuer", "scope", "leeway"} {
		if err := cfg.Check(); !strings.Contains(err.Error(), want) {
			t.Errorf("not all mistakes: %v", err)
		}
	}
	for _, ok := range []string{"http://127.0.0.1:1/mcp", "http://localhost/mcp", "http://[::1]:5/mcp"} {
		if err := bearer.CheckIdentifier("resource", ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	clash := good()
	clash.Resource = mustURL(t, "https://h.example/sse")
	if _, err := New(clash); err == nil {
		t.Error("a resource at the path of another endpoint")
	}
}

// The health check needs no token and no provider; unknown paths are 404.
func TestHealthAndUnknownPaths(t *testing.T) { onBothBackends(t, healthAndUnknownPaths) }

func healthAndUnknownPaths(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	if resp := call(s, "GET", "/healthz", "", ""); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
	if resp := call(s, "POST", "/healthz", "", "{}"); resp.StatusCode != 405 {
		t.Errorf("POST health: %d", resp.StatusCode)
	}
	token := i.Sign(t, issuer.Change{})
	for _, path := range []string{"/x", "/mcp/", "//mcp", "/MCP", "/mcp/x", "/%6dcp", "/sse/", "/message"} {
		if resp := call(s, "POST", path, token, callWhoami); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if i.MetadataCalls.Load() != 0 {
		t.Error("the provider was asked")
	}
}
