package server

import (
	"io"
	"strings"
	"testing"
)

// The page for people names this server and nothing from elsewhere, needs no
// token and no provider, and its policy allows nothing but what is on it.
func TestPageHasNothingFromElsewhere(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, func(c *Config) {
		c.Resource = mustURL(t, "https://h.example/sub/mcp")
		c.AllowedHosts = []string{"127.0.0.1:3001"}
	})
	for _, path := range []string{"/", "/sub/"} {
		resp := call(s, "GET", path, "", "")
		raw, _ := io.ReadAll(resp.Body)
		body := string(raw)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
		for _, want := range []string{
			"https://h.example/sub/mcp", "https://h.example/sub/sse", "&#34;command&#34;: &#34;mcp-login&#34;",
			`href="https://h.example/.well-known/oauth-protected-resource/sub/mcp"`, `href="https://h.example/sub/healthz"`,
			"claude mcp add", "prefers-color-scheme: dark", i.url,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %q is missing", path, want)
			}
		}
		for _, bad := range []string{"src=", "<link", "@import", "url(", "http-equiv", "ZgotmplZ"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: %q is there", path, bad)
			}
		}
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy %s lacks %s", policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || len(body) > 16<<10 {
			t.Errorf("policy %s, %d bytes", policy, len(body))
		}
	}
	if resp := call(s, "POST", "/", "", "{}"); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", resp.StatusCode)
	}
	if resp := call(s, "GET", "/", "", "", "Host", "evil.example"); resp.StatusCode != 403 {
		t.Errorf("S13, a foreign Host: %d", resp.StatusCode)
	}
	if i.metadataCalls.Load() != 0 {
		t.Error("the provider was asked")
	}
}

// A resource's address cannot break out of where it stands.
func TestPageEscapes(t *testing.T) {
	s := newServer(t, newTestIssuer(t), func(c *Config) {
		c.Resource = mustURL(t, "https://h.example/%3Cscript%3E'%22/mcp")
		c.AllowedHosts = []string{"127.0.0.1:3001"}
		c.Version = `</footer><script>alert(1)</script>`
	})
	body, _ := io.ReadAll(call(s, "GET", "/", "", "").Body)
	if n := strings.Count(string(body), "<script"); n != 1 {
		t.Errorf("%d scripts:\n%s", n, body)
	}
}
