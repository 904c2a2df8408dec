package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// Issue 4, item 3: after a sleep the next request takes a new connection; a long
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
	w := newWakeful(&http.Transport{})
	defer w.CloseIdleConnections()
	awake, wall := time.Duration(0), time.Duration(0)
	w.clock = func() (time.Duration, time.Duration) { return awake, wall }
	get := func() int32 {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.RoundTrip(req)
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

// A proxy variable that cannot be read is no fault for a host that NO_PROXY, or its
// being on this machine, keeps from the proxy.
func TestUnreadableProxy(t *testing.T) {
	const broken = "[::1"
	for _, c := range []struct {
		server    string
		variables []string
		want      string
	}{
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken}, "HTTPS_PROXY"},
		{"https://mcp.example.com/mcp", []string{"https_proxy", broken}, "https_proxy"},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", "http://proxy.example.com:3128", "https_proxy", broken}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTP_PROXY", broken}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "localhost, .example.com"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "no_proxy", "mcp.example.com:443"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "*"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "ample.com,example.org"}, "HTTPS_PROXY"},
		{"https://192.0.2.1/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "192.0.2.0/24"}, ""},
		{"http://127.0.0.1:3001/mcp", []string{"HTTP_PROXY", broken}, ""},
	} {
		server, err := url.Parse(c.server)
		if err != nil {
			t.Fatal(err)
		}
		x := examination{a: &app{getenv: env(c.variables...)}, server: server}
		if got := x.unreadableProxy(); got != c.want {
			t.Errorf("%s with %q: %q, want %q", c.server, c.variables, got, c.want)
		}
	}
}
