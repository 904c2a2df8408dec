package server

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"mcp-login/test/issuer"
)

// A foreign Host is 403 on every path but the health check, with and without a
// token, and so is a foreign Origin on everything that needs one (incidents
// CVE-2025-66414, CVE-2025-66416 and CVE-2026-34742, DNS rebinding).
func TestForeignHostAndOriginAre403(t *testing.T) { onBothBackends(t, foreignHostAndOriginAre403) }

func foreignHostAndOriginAre403(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	protected := []string{"/mcp", "/sse", "/messages?sessionId=x"}
	open := []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/nothing"}
	for _, path := range append(protected, open...) {
		for _, host := range []string{
			"evil.example", "evil.example:3001", "127.0.0.1:3001.evil.example", "127.0.0.1", "", "127.0.0.1.evil.example",
			"localhost.evil.example:3001", "169.254.169.254",
		} {
			for _, method := range []string{"POST", "GET", "OPTIONS", "DELETE"} {
				for _, header := range [][]string{{"Host", host}, {"Host", host, "Origin", "http://" + host}} {
					for _, tok := range []string{"", token} {
						if resp := call(s, method, path, tok, callWhoami, header...); resp.StatusCode != 403 {
							t.Errorf("%s %s with %q: %d", method, path, header, resp.StatusCode)
						}
					}
				}
			}
		}
	}
	for _, path := range protected {
		for _, from := range []string{
			"https://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "http://",
			"https://evil.example:3001", "http://localhost.evil.example:3001", "http://169.254.169.254", "chrome-extension://abc", "127.0.0.1:3001", "http://localhost@evil.example",
		} {
			for _, method := range []string{"POST", "GET", "OPTIONS", "DELETE"} {
				resp := call(s, method, path, token, callWhoami, "Origin", from, "Access-Control-Request-Method", "POST")
				if resp.StatusCode != 403 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s %s from %q: %d", method, path, from, resp.StatusCode)
				}
			}
		}
		resp := call(s, "POST", path, token, callWhoami, "Origin", "http://127.0.0.1:3001", "Origin", "http://127.0.0.1:3001")
		if resp.StatusCode != 403 {
			t.Errorf("%s with two Origins: %d", path, resp.StatusCode)
		}
	}
	if n := i.KeyCalls.Load() + i.UserinfoCalls.Load(); n != 0 {
		t.Errorf("refused requests caused %d visits to the provider", n)
	}
}

// Absent, the resource's own, and loopback origins are fine, and a page of
// such an origin can read the answer.
func TestAllowedOrigins(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		c.Resource = mustURL(t, "https://Mcp.Example/mcp")
		c.AllowedOrigins = []string{"https://app.example:8443"}
	})
	token := i.Sign(t, issuer.Change{Claims: map[string]any{"aud": "https://Mcp.Example/mcp"}})
	for _, from := range []string{
		"https://mcp.example", "https://mcp.example:443", "http://localhost:6274", "http://127.0.0.1:1",
		"http://[::1]:9", "https://app.example:8443",
	} {
		resp := call(s, "POST", "/mcp", token, callWhoami, "Host", "mcp.example", "Origin", from)
		if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != from ||
			!strings.Contains(resp.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("from %s: %d %v", from, resp.StatusCode, resp.Header)
		}
		resp = call(s, "OPTIONS", "/mcp", "", "", "Host", "mcp.example", "Origin", from,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,mcp-method")
		if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Headers") != "authorization,mcp-method" {
			t.Errorf("preflight from %s: %d", from, resp.StatusCode)
		}
	}
	for _, from := range []string{"http://mcp.example", "https://mcp.example:8443", "https://app.example"} {
		if resp := call(s, "POST", "/mcp", token, callWhoami, "Host", "mcp.example", "Origin", from); resp.StatusCode != 403 {
			t.Errorf("from %s: %d", from, resp.StatusCode)
		}
	}
}

// The Host list: the resource's own name with or without its default port,
// loopback names on a loopback connection only, and what is configured. With
// mcp-go's own check a proxy on the same machine would get 403.
func TestHostsBehindAProxy(t *testing.T) {
	s := newServer(t, issuer.Start(t), func(c *Config) {
		c.Resource = mustURL(t, "https://mcp.example/mcp")
		c.AllowedHosts = []string{"whoami:3001"}
	})
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3001}
	public := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3001}
	tests := []struct {
		local net.Addr
		host  string
		ok    bool
	}{
		{loopback, "mcp.example", true},
		{loopback, "MCP.example:443", true},
		{public, "mcp.example", true},
		{public, "whoami:3001", true},
		{loopback, "localhost:3001", true},
		{loopback, "127.0.0.1:3001", true},
		{loopback, "[::1]:3001", true},
		{public, "localhost:3001", false},
		{public, "127.0.0.1:3001", false},
		{loopback, "mcp.example:8443", false},
		{loopback, "evil.example", false},
		{public, "whoami", false},
	}
	for _, tt := range tests {
		r := request("POST", "/mcp", "", strings.NewReader(callWhoami), "Host", tt.host)
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, tt.local))
		resp := serve(s, r)
		if ok := resp.StatusCode == http.StatusUnauthorized; ok != tt.ok {
			t.Errorf("Host %s at %s: %d, allowed should be %t", tt.host, tt.local, resp.StatusCode, tt.ok)
		}
	}
	if resp := call(s, "GET", "/healthz", "", "", "Host", "10.1.2.3:3001"); resp.StatusCode != 200 {
		t.Errorf("health check by address: %d", resp.StatusCode)
	}
}

// The whole way through mcp-go with the public Host on a loopback connection,
// as a proxy on the same machine sends it, and a stream that no page of
// another origin may read.
func TestProxyOnTheSameMachine(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.AllowedHosts = []string{"mcp.example"} })
	c := l.clientFor(t, i, "alice")
	send := func(method, path, body string, header ...string) *http.Response {
		t.Helper()
		return send(t, c, method, l.url+path, body, append(header, "Host", "mcp.example")...)
	}
	if resp := send("POST", "/mcp", callWhoami); resp.StatusCode != 200 {
		t.Errorf("POST /mcp: %d", resp.StatusCode)
	}
	stream := send("GET", "/sse", "")
	if stream.StatusCode != 200 || stream.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("GET /sse: %d, %v", stream.StatusCode, stream.Header)
	}
	const page = "http://localhost:6274"
	if got := send("GET", "/sse", "", "Origin", page).Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != page {
		t.Errorf("GET /sse from a page: %q", got)
	}
	s := openStream(t, l.url, c)
	if resp := send("POST", s.endpoint, pingMessage); resp.StatusCode != 202 {
		t.Errorf("POST /messages: %d", resp.StatusCode)
	}
}
