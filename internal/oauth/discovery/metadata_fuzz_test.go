package discovery

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// RFC 9728, section 3.3: metadata that is accepted is for this very origin
// and a prefix of this path that ends with a segment.
func FuzzResourceMetadata(f *testing.F) {
	for _, s := range []string{
		`{"resource":"https://mcp.example/a/mcp","authorization_servers":["https://as.example"]}`, `{"resource":"https://mcp.example/a","authorization_servers":["x"],"scopes_supported":["s"]}`,
		`{"resource":"https://mcp.example","authorization_servers":["x"]}`, `{"resource":"https://mcp.example/a/m","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example:443/a/mcp/","authorization_servers":["x"]}`, `{"resource":"HTTPS://MCP.EXAMPLE/","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example@evil.example/a","authorization_servers":["x"]}`, `{"resource":"https://mcp.example/a","resource":"https://evil.example","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example/%61","authorization_servers":["x"]}`, `{"resource":"//mcp.example/a","authorization_servers":["x"]}`, `{"resource":null}`, `[]`, `{"resource":7}`, `{"resource":"https://mcp.example/a","authorization_servers":"https://as.example"}`,
		`{"resource":"https://mcp.example/a","authorization_servers":[1,null,"x",["y"]],"scopes_supported":"a b"}`, `{"resource":"https://mcp.example/a"}`,
	} {
		f.Add([]byte(s))
	}
	server := &url.URL{Scheme: "https", Host: "mcp.example", Path: "/a/mcp"}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseResourceMetadata(body)
		if err != nil || m.checkResource(server) != nil {
			return
		}
		u, err := url.Parse(m.Resource)
		if err != nil || !strings.EqualFold(u.Scheme, "https") || !strings.EqualFold(u.Hostname(), "mcp.example") || u.Port() != "" && u.Port() != "443" || u.Fragment != "" {
			t.Fatalf("accepted %q", m.Resource)
		}
		switch strings.TrimSuffix(u.EscapedPath(), "/") {
		case "", "/a", "/a/mcp":
		default:
			t.Errorf("accepted the path of %q", m.Resource)
		}
		if len(preferred(m.AuthorizationServers, "")) > maxAuthorizationServers || strings.ContainsFunc(m.Resource, unicode.IsControl) {
			t.Errorf("accepted %+v", m)
		}
	})
}

// RFC 8414, section 3.3: metadata that is accepted calls itself as it was asked for,
// and has a token endpoint and nothing but safe addresses.
func FuzzServerMetadata(f *testing.F) {
	const issuer = "https://as.example/oidc"
	for _, s := range []string{
		`{"issuer":"https://as.example/oidc","authorization_endpoint":"https://as.example/auth","token_endpoint":"https://as.example/token"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"http://127.0.0.1:1/token","registration_endpoint":"http://localhost/r","revocation_endpoint":"https://[::1]/"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"http://as.example/token"}`, `{"issuer":"https://as.example/oidc","token_endpoint":"javascript:alert(1)"}`,
		`{"issuer":"https://as.example/oidc/","token_endpoint":"https://as.example/token"}`, `{"issuer":"https://as.example/oidc","token_endpoint":"https://a@as.example/"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t#f","end_session_endpoint":"file:///etc/passwd"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","device_authorization_endpoint":"https://as.example /"}`,
		`{"Issuer":"https://as.example/oidc","TOKEN_ENDPOINT":"https://as.example/token"}`, `{"issuer":["https://as.example/oidc"]}`, `{"issuer":"https://as.example/oidc","code_challenge_methods_supported":"S256"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","revocation_endpoint":1,"end_session_endpoint":"http://as.example/","scopes_supported":"a b","client_id_metadata_document_supported":"true"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","scopes_supported":[1,"a",null,["b"]],"grant_types_supported":{"a":1}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseServerMetadata(body)
		if err != nil || (IssuerChoice{}).checkIssuer(m, issuer, &url.URL{Scheme: "https", Host: "as.example"}) != nil || m.check() != nil {
			return
		}
		if m.Issuer != issuer || m.FoundAt != "" || m.assumed || m.TokenEndpoint == "" {
			t.Fatalf("accepted %+v", m)
		}
		for _, address := range []string{m.TokenEndpoint, m.AuthorizationEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint, m.DeviceEndpoint, m.EndSessionEndpoint} {
			if address != "" && !safeAddress(address) {
				t.Errorf("accepted %q", address)
			}
		}
		if m.CheckAuthorization() == nil && (m.AuthorizationEndpoint == "" || len(m.CodeChallengeMethods) > 0 && !slices.Contains(m.CodeChallengeMethods, "S256")) {
			t.Errorf("a login without PKCE at %+v", m)
		}
	})
}

// safeAddress repeats, by other means, what an address from metadata must be:
// https, or http on this machine, without user and fragment.
func safeAddress(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsFunc(raw, unicode.IsControl) {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip := net.ParseIP(host)
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback())
}
