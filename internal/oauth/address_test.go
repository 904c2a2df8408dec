package oauth

import (
	"strings"
	"testing"
)

// Spellings of one address share a login, odd addresses are
// refused, and a refusal never repeats what may be a password.
func TestCanonicalServer(t *testing.T) {
	good := map[string]string{
		"https://Example.COM/MCP?a=B":       "https://example.com/MCP?a=B",
		"HTTPS://example.com:443/mcp":       "https://example.com/mcp",
		"https://example.com:8443/mcp":      "https://example.com:8443/mcp",
		"http://127.0.0.1:80/mcp":           "http://127.0.0.1/mcp",
		"http://localhost:3001/mcp":         "http://localhost:3001/mcp",
		"http://[::1]:3001/mcp":             "http://[::1]:3001/mcp",
		"https://example.com/mcp/":          "https://example.com/mcp/",
		"https://xn--bcher-kva.example/mcp": "https://xn--bcher-kva.example/mcp",
	}
	for in, out := range good {
		u, err := CanonicalServer(in, false)
		if err != nil || u.String() != out {
			t.Errorf("%s: got %v, %v; want %s", in, u, err, out)
		}
	}
	bad := []string{
		"", "login", "example.com/mcp", "/mcp", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)",
		"https://", "https:///mcp", "https://user:hunter2@example.com/mcp", "https://example.com/mcp#x", "https://example.com/#",
		"https://exa\nmple.com/", "https://example.com/\r\nX: y", "https://example.com/\x00", "https://example。com/",
		"https://bücher.example/", "https://exa mple.com/", "https://a..b/", "https://.a/", "http://example.com/mcp", "http://10.0.0.1/mcp",
		"https:example.com", "https://example.com:port/",
		"https://example.com/mcp --header X:hunter2", "https://example.com/mcp?a=b c", "https://example.com/mcp\u00a0", " https://example.com/mcp",
	}
	for _, in := range bad {
		u, err := CanonicalServer(in, false)
		if err == nil {
			t.Errorf("%q accepted as %s", in, u)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("password repeated: %v", err)
		}
	}
	if _, err := CanonicalServer("http://10.0.0.1/mcp", true); err != nil {
		t.Errorf("allowHTTP: %v", err)
	}
}
