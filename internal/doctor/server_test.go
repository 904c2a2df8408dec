package doctor

import (
	"net/url"
	"slices"
	"testing"
)

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
		getenv := func(name string) string {
			if i := slices.Index(c.variables, name); i >= 0 {
				return c.variables[i+1]
			}
			return ""
		}
		x := examination{Subject: Subject{Server: server, Getenv: getenv}}
		if got := x.unreadableProxy(); got != c.want {
			t.Errorf("%s with %q: %q, want %q", c.server, c.variables, got, c.want)
		}
	}
}
