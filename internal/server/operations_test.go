package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

func httptestGet(h http.Handler, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	return rec
}

// A token bucket: the burst passes, then one request for each interval; the
// time to come back is true; others are not affected.
func TestABurstPassesThenOneRequestAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimiter(0.5) // a burst of 5
		for n := range 5 {
			if _, ok := l.allow("a"); !ok {
				t.Fatalf("request %d of the burst", n)
			}
		}
		after, ok := l.allow("a")
		if ok || after != 2 {
			t.Errorf("after the burst: %d, %t", after, ok)
		}
		if _, ok := l.allow("b"); !ok {
			t.Error("another caller was refused")
		}
		time.Sleep(time.Duration(after) * time.Second)
		if _, ok := l.allow("a"); !ok {
			t.Error("refused after the time it was given")
		}
		if _, ok := l.allow("a"); ok {
			t.Error("two for one interval")
		}
	})
	var off *rateLimiter
	if _, ok := off.allow("a"); !ok || newRateLimiter(0) != nil {
		t.Error("a rate of zero limits")
	}
}

// Token floods: any number of callers takes a bounded amount of memory.
func TestRateLimiterIsBounded(t *testing.T) {
	l := newRateLimiter(1)
	for n := range 3 * maxBuckets {
		l.allow(fmt.Sprint(n))
	}
	if n := len(l.now) + len(l.old); n > 2*maxBuckets {
		t.Errorf("%d buckets", n)
	}
}

// The address behind trusted proxies is the last one that none of them wrote:
// a client cannot choose its own.
func TestAClientCannotChooseItsAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	tests := []struct {
		remote, forwarded, want string
	}{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "1.2.3.4", "192.0.2.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "192.0.2.7", "192.0.2.7"},
		{"10.0.0.1:5", "1.2.3.4, 192.0.2.7", "192.0.2.7"},
		{"10.0.0.1:5", "192.0.2.7, 10.2.2.2", "192.0.2.7"},
		{"10.0.0.1:5", "192.0.2.7:443,10.2.2.2", "192.0.2.7"},
		{"10.0.0.1:5", "192.0.2.7, nonsense", "10.0.0.1"},
		{"10.0.0.1:5", "10.0.0.9", "10.0.0.9"},
		{"[::1]:5", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{"[2001:db8:1:2::9]:5", "", "2001:db8:1:2::9"},
		{"[::ffff:192.0.2.1]:5", "", "192.0.2.1"},
		{"@", "1.2.3.4", "@"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		host := tt.want
		if strings.HasPrefix(host, "2001:") { // what one host owns counts together
			host = "2001:db8:1:2::/64"
		}
		if got, counted := clientAddress(r, trusted); got != tt.want || counted != host {
			t.Errorf("%s, %q: %s, counted as %s, want %s", tt.remote, tt.forwarded, got, counted, tt.want)
		}
	}
}

// Token floods: an address is slowed down before its tokens are looked at, and
// a page can read why.
func TestAnAddressIsLimitedBeforeItsTokensAreLookedAt(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.AddressRate = 0.1 }) // a burst of 1
	if resp := call(s, "POST", "/mcp", "bad", callWhoami); resp.StatusCode != 401 {
		t.Fatalf("first: %d", resp.StatusCode)
	}
	visits := i.UserinfoCalls.Load()
	const page = "http://localhost:6274"
	resp := call(s, "POST", "/mcp", "worse", callWhoami, "Origin", page, "X-Forwarded-For", "1.2.3.4")
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "10" || resp.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("second: %d %v", resp.StatusCode, resp.Header)
	}
	if i.UserinfoCalls.Load() != visits {
		t.Error("a refused request reached the provider")
	}
}

// The rate of an address is that of all it asks for, and counted where it is exceeded; a
// probe of the server's health is never too much.
func TestAnAddressIsLimitedWhateverItAsksFor(t *testing.T) {
	i := issuer.Start(t)
	registry := prometheus.NewRegistry()
	s := newServer(t, i, func(c *Config) {
		c.AddressRate = 0.1 // a burst of 1
		c.Metrics = registry
	})
	if resp := call(s, "GET", "/", "", ""); resp.StatusCode != 200 {
		t.Fatalf("first: %d", resp.StatusCode)
	}
	limited := 0
	for path := range s.routes {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			resp := call(s, method, path, "", "")
			if path == pathHealth {
				if resp.StatusCode == 429 {
					t.Errorf("%s %s is limited", method, path)
				}
				continue
			}
			if limited++; resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s %s: %d %v", method, path, resp.StatusCode, resp.Header)
			}
		}
	}
	if resp := call(s, "GET", "/favicon.ico", "", ""); resp.StatusCode != 429 {
		t.Errorf("a path that is not there: %d", resp.StatusCode)
	}
	want := fmt.Sprintf(`whoami_limited_total{limit="address"} %d`, limited+1)
	if text := httptestGet(s.OperationsHandler(registry), "/metrics").Body.String(); !strings.Contains(text, want) {
		t.Errorf("no %s in the metrics", want)
	}
}

// A subject is limited whatever token or address it comes with; others are not.
func TestASubjectIsLimitedWhateverItsTokenAndAddress(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.SubjectRate = 0.1 })
	alice := func(jti string) string {
		return i.Sign(t, issuer.Change{Claims: map[string]any{"sub": "alice", "jti": jti}})
	}
	for n, want := range []int{200, 429} {
		if resp := call(s, "POST", "/mcp", alice(fmt.Sprint(n)), callWhoami); resp.StatusCode != want {
			t.Errorf("request %d: %d, want %d", n, resp.StatusCode, want)
		}
	}
	bob := i.Sign(t, issuer.Change{Claims: map[string]any{"sub": "bob"}})
	if resp := call(s, "POST", "/mcp", bob, callWhoami); resp.StatusCode != 200 {
		t.Errorf("bob: %d", resp.StatusCode)
	}
}

// slowTools is an MCP server with a tool that says when it is called and does
// not answer until proceed is closed.
func slowTools(asked, proceed chan struct{}) *server.MCPServer {
	m := server.NewMCPServer("slow", "1")
	m.AddTool(mcp.NewTool("slow"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		asked <- struct{}{}
		<-proceed
		return mcp.NewToolResultText("done"), nil
	})
	return m
}

const callSlow = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}`

// Calls that are answered are bounded; streams do not count, nor does a request
// whose token is being checked.
func TestCallsAtATimeAreBounded(t *testing.T) {
	i := issuer.Start(t)
	asked, proceed, checking, checked := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		close(checking)
		<-checked
		issuer.Answer(200, issuer.LogtoClaims)(w, r)
	}
	l := startServer(t, i, func(c *Config) { c.MaxConcurrent, c.MCP = 1, slowTools(asked, proceed) })
	c := l.clientFor(t, i, "alice")
	s := openStream(t, l.url, c)
	waits := make(chan *http.Response, 1)
	go func() { waits <- post(t, clientWith(t, "opaque"), l.url+"/mcp", pingMessage) }()
	<-checking
	if resp := post(t, c, l.url+"/mcp", pingMessage); resp.StatusCode != 200 {
		t.Errorf("while another's token is checked: %d", resp.StatusCode)
	}
	close(checked)
	if resp := <-waits; resp.StatusCode != 200 {
		t.Errorf("once it is: %d", resp.StatusCode)
	}
	held := make(chan *http.Response, 1)
	go func() { held <- post(t, clientWith(t, "opaque"), l.url+"/mcp", callSlow) }()
	<-asked
	if resp := post(t, c, l.url+"/mcp", pingMessage); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", resp.StatusCode)
	}
	openStream(t, l.url, c)
	close(proceed)
	if resp := <-held; resp.StatusCode != 200 {
		t.Errorf("the first: %d", resp.StatusCode)
	}
	if resp := post(t, c, l.url+s.endpoint, pingMessage); resp.StatusCode != 202 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

// The operations handler: health always, readiness until the server begins to
// stop, metrics that say what happened and in which no client's text appears.
func TestOperationsTellHealthReadinessAndMetrics(t *testing.T) {
	i := issuer.Start(t)
	registry := prometheus.NewPedanticRegistry()
	l := startServer(t, i, func(c *Config) { c.Metrics = registry })
	ops := l.OperationsHandler(registry)
	for _, path := range []string{"/healthz", "/readyz"} {
		if rec := httptestGet(ops, path); rec.Code != 200 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	c := l.clientFor(t, i, "alice")
	post(t, c, l.url+"/mcp", callWhoami)
	post(t, clientWith(t, "SeCrEt"), l.url+"/mcp", callWhoami)
	if resp, err := c.Get(l.url + "/SeCrEt"); err != nil || resp.Body.Close() != nil {
		t.Fatal(err)
	}
	l.send(t, c, "SECRET", "")
	openStream(t, l.url, c)
	out := httptestGet(ops, "/metrics").Body.String()
	for _, want := range []string{
		`whoami_requests_total{method="POST",route="mcp",status="200"} 1`,
		`whoami_requests_total{method="POST",route="mcp",status="401"} 1`,
		`whoami_requests_total{method="GET",route="unknown",status="404"} 1`,
		`whoami_requests_total{method="other",route="mcp",status="405"} 1`,
		`whoami_request_duration_seconds_count{route="mcp"} 3`,
		`whoami_streams{transport="sse"} 1`, `whoami_requests_in_flight 1`,
		`whoami_limited_total{limit="subject"} 0`, `whoami_build_info{version="dev"} 1`, `whoami_draining 0`,
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(strings.ToLower(out), "secret") {
		t.Error("a client's text is in the metrics")
	}
	if problems, err := promlint.New(strings.NewReader(out)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	l.Drain()
	if rec := httptestGet(ops, "/readyz"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("readiness of a server that stops: %d", rec.Code)
	}
	if resp := post(t, c, l.url+"/mcp", callWhoami); resp.StatusCode != 200 {
		t.Errorf("it serves on until Close: %d", resp.StatusCode)
	}
	if rec := httptestGet(ops, "/healthz"); rec.Code != 200 || !strings.Contains(httptestGet(ops, "/metrics").Body.String(), "whoami_draining 1\n") {
		t.Errorf("health of a server that stops: %d", rec.Code)
	}
	if _, err := New(Config{
		Config: bearer.Config{Resource: mustURL(t, "http://127.0.0.1/mcp"), Issuer: i.URL}, Operations: Operations{Metrics: registry},
	}); err == nil {
		t.Error("metrics registered twice")
	}
}

// Heartbeats keep an idle stream alive, and a legacy one is told to reconnect.
func TestHeartbeatAndFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := httptest.NewRecorder()
		life, hangUp := context.WithCancel(t.Context())
		s := &whoami{front: &front{ops: Operations{}.withDefaults(), lifecycle: lifecycle{streams: life}}, sessions: newMemorySessions()}
		if _, err := s.sessions.Begin(t.Context(), "o", "id", 1, s.ops.SessionIdle); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.keepAlive(t.Context(), newEventStream(rec), "o", "id") }()
		time.Sleep(4*s.ops.SessionIdle + time.Second)
		hangUp()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		out := rec.Body.String()
		if n := strings.Count(out, ": still here\n"); n != int(4*s.ops.SessionIdle/s.ops.Heartbeat) {
			t.Errorf("%d heartbeats: an open stream must keep its session", n)
		}
		if !strings.HasSuffix(out, "retry: 1000\n: please reconnect\n\n") {
			t.Errorf("the end is %q", out[len(out)-60:])
		}
	})
}

// A session that ended elsewhere ends its stream at the next heartbeat.
func TestStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &whoami{front: &front{ops: Operations{}.withDefaults(), lifecycle: lifecycle{streams: t.Context()}}, sessions: newMemorySessions()}
		started := time.Now()
		if err := s.keepAlive(t.Context(), newEventStream(httptest.NewRecorder()), "o", "gone"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != s.ops.Heartbeat {
			t.Errorf("ended after %s", took)
		}
	})
}

// Every mistake in the limits is reported.
func TestEveryMistakeInTheLimitsIsReported(t *testing.T) {
	o := Operations{MaxCalls: -1, MaxBodyBytes: 4 << 20, MaxSessions: -1, TotalStreams: -1, AddressRate: -1, SessionIdle: time.Millisecond, Heartbeat: -1}
	err := o.checkOperations()
	for _, want := range []string{"max calls", "body bytes", "max sessions", "total streams", "rate", "session idle", "heartbeat"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	cfg := Config{Operations: o}
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "max sessions") {
		t.Errorf("part of the configuration: %v", err)
	}
}

// CORS: a page may end its session and read its id.
func TestPagesMayUseSessions(t *testing.T) {
	s := newServer(t, issuer.Start(t), nil)
	resp := call(s, "OPTIONS", "/mcp", "", "", "Origin", "http://localhost:6274", "Access-Control-Request-Method", "DELETE")
	h := resp.Header
	if !strings.Contains(h.Get("Access-Control-Allow-Methods"), "DELETE") ||
		!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Mcp-Session-Id") ||
		!strings.Contains(h.Get("Vary"), "Origin") {
		t.Errorf("preflight: %v", h)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
}
