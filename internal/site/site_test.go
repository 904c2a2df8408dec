package site_test

import (
	"net/url"
	"testing"

	"mcp-login/internal/site"
)

func TestSameOwner(t *testing.T) {
	cases := []struct {
		a, b string
		same bool
	}{
		{"https://a.example/x", "https://A.EXAMPLE:443/y", true},
		{"http://a.example", "https://a.example", true},
		{"https://mcp.a.example", "https://login.a.example", true},
		{"https://a.example", "https://x.y.a.example.", true},
		{"https://a.example", "https://b.example", false},
		{"https://a.co.uk", "https://b.co.uk", false},
		{"https://x.a.co.uk", "https://y.a.co.uk", true},
		// Suffixes below which strangers live side by side.
		{"https://a.github.io", "https://b.github.io", false},
		{"https://github.io", "https://a.github.io", false},
		{"https://a.example", "https://a.example.evil.example", false},
		{"https://aa.example", "https://a.example", false},
		// IP addresses and single labels equal themselves only.
		{"https://10.0.0.1", "https://10.0.0.1:9", true},
		{"https://10.0.0.1", "https://10.1.0.1", false},
		{"https://1.2.3.4", "https://5.2.3.4", false},
		{"https://[2001:db8::1]", "https://[2001:DB8:0::1]", true},
		{"https://[2001:db8::1]", "https://[2001:db8::2]", false},
		{"https://[::ffff:10.0.0.1]", "https://10.0.0.1", true},
		{"https://intranet", "https://intranet", true},
		{"https://intranet", "https://login.intranet", false},
		{"https://com", "https://com", true},
		{"https://", "https://", false},
	}
	for _, c := range cases {
		a, errA := url.Parse(c.a)
		b, errB := url.Parse(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if site.Same(a, b) != c.same || site.Same(b, a) != c.same {
			t.Errorf("%s, %s: not %v", c.a, c.b, c.same)
		}
	}
}
