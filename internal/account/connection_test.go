package account

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/oauth/grant"
)

// After a sleep the next request takes a new connection; a long
// pause without a sleep, and a clock that was set a little, keep the old one.
func TestNewConnectionAfterSleep(t *testing.T) {
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	transport := newSleepAware(&http.Transport{})
	defer transport.CloseIdleConnections()
	awake, wall := time.Duration(0), time.Duration(0)
	transport.clock = func() (time.Duration, time.Duration) { return awake, wall }
	get := func() int32 {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return connections.Load()
	}
	for i, step := range []struct {
		awake, asleep time.Duration
		want          int32
	}{{0, 0, 1}, {time.Hour, 0, 1}, {time.Second, 10 * time.Second, 1}, {time.Second, time.Hour, 2}, {time.Second, 0, 2}, {0, -time.Hour, 2}} {
		awake += step.awake
		wall += step.awake + step.asleep
		if got := get(); got != step.want {
			t.Errorf("step %d: %d connections, want %d", i, got, step.want)
		}
	}
}

// A proxy is asked for a tunnel by the same name, for the server and its provider.
func TestAProxyHearsTheUserAgentToo(t *testing.T) {
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.Header.Get("User-Agent"))
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	at, _ := url.Parse(proxy.URL)
	server, _ := url.Parse("https://mcp.example/mcp")
	c := Connection{UserAgent: "Desktop/7"}
	wire, ok := c.RoundTripper().(*sleepAware)
	if !ok {
		t.Fatalf("%T", c.RoundTripper())
	}
	wire.Proxy = http.ProxyURL(at)
	guard := c.Guard(server, Settings{}).HTTPClient()
	inner, ok := guard.Transport.(interface{ CloseIdleConnections() })
	if !ok {
		t.Error("idle connections of the provider cannot be closed")
	} else {
		defer inner.CloseIdleConnections()
	}
	if resp, err := (&http.Client{Transport: wire}).Get(server.String()); err == nil {
		_ = resp.Body.Close()
	}
	if len(seen) != 1 || seen[0] != "CONNECT Desktop/7" {
		t.Errorf("the proxy saw %q", seen)
	}
}

// Where something else gives the token nobody is asked to sign in, and the stage that
// stands in for the server meanwhile is left out.
func TestOnlyALoginNeedsTheStandIn(t *testing.T) {
	for name, c := range map[string]struct {
		connection Connection
		want       bool
	}{
		"a login":                 {Connection{}, true},
		"another header":          {Connection{Header: http.Header{"X-Key": {"k"}}}, true},
		"an Authorization header": {Connection{Header: http.Header{"Authorization": {"Basic x"}}}, false},
		"a token of the variable": {Connection{Token: grant.NewSecret("t")}, false},
	} {
		if got := (&Account{Config: Config{Connection: c.connection}}).signsIn(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
