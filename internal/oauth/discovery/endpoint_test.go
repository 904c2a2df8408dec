package discovery

import "testing"

// MCP 2025-11-25, Communication Security: the addresses a client may send a browser or a secret to.
func TestCheckEndpointTakesOnlyHTTPSOrLoopback(t *testing.T) {
	for _, ok := range []string{"https://a.example/x", "https://a.example/x?y=1", "http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost:1/x"} {
		if _, err := CheckEndpoint("e", ok); err != nil {
			t.Errorf("%s refused: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "x", "//a.example", "http://a.example/x", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "--help",
		"https://u:p@a.example/", "https://a.example/#f", "custom://x", "https:a", "http://127.0.0.1.evil.example/", "https://a.example/\n", "ms-settings:x", `\\host\share`,
		"http://0x7f.1/", "http://2130706433/",
	} {
		if u, err := CheckEndpoint("e", bad); err == nil {
			t.Errorf("%q accepted as %s", bad, u)
		}
	}
}
