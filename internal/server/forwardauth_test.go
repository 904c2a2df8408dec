package server

import (
	"net/netip"
	"strings"
	"testing"

	"mcp-login/internal/server/gateway"
	"mcp-login/test/issuer"
)

// A proxy that asks about an address which cannot be read is told so, good token or not: it may
// read it in its own way, and let pass what was not looked at.
func TestForwardAuthReadsTheAddressOrRefuses(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		c.ForwardAuth = []gateway.IdentityHeader{{Name: "X-Forwarded-User", Claim: "sub"}}
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	token := i.Sign(t, issuer.Change{})
	const uri = "X-Forwarded-Uri"
	for name, tt := range map[string]struct {
		header []string
		want   int
	}{
		"not said":       {nil, 204},
		"one":            {[]string{uri, "/mcp?x=1"}, 204},
		"with a token":   {[]string{uri, "/mcp?access_token=x"}, 400},
		"unreadable":     {[]string{uri, "/mcp%zz?access_token=x"}, 400},
		"empty":          {[]string{uri, ""}, 400},
		"no path":        {[]string{uri, "mcp"}, 400},
		"two":            {[]string{uri, "/mcp", uri, "/mcp?access_token=x"}, 400},
		"two, as a list": {[]string{uri, "/mcp, /mcp?access_token=x"}, 400},
	} {
		if resp := call(s, "GET", "/forward-auth", token, "", tt.header...); resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tt.want)
		}
	}
}

// What is wrong with an upstream is an error of New, whatever it is.
func TestAnUpstreamThatCannotBeIsAnError(t *testing.T) {
	for name, change := range map[string]func(*gateway.Config){
		"scheme":        func(c *gateway.Config) { c.Upstream = mustURL(t, "ftp://127.0.0.1/mcp") },
		"header":        func(c *gateway.Config) { c.Assertion = "Authorization" },
		"header, twice": func(c *gateway.Config) { c.Assertion, c.Pass = "X-Assertion", []string{"X-Assertion"} },
		"secret":        func(c *gateway.Config) { c.Secret = []byte("short") },
	} {
		settings := gateway.Config{Upstream: mustURL(t, "http://127.0.0.1:8000/mcp"), Secret: []byte(strings.Repeat("k", gateway.LeastSecret))}
		change(&settings)
		cfg := Config{Upstream: &settings}
		cfg.Resource, cfg.Issuer = mustURL(t, "https://h.example/mcp"), "https://id.example"
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
