package server

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

// resourceMetadata is the document of RFC 9728 section 3.2, with the members that are sent.
type resourceMetadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ResourceName           string   `json:"resource_name"`
}

func readPRM(t *testing.T, s http.Handler, path string) resourceMetadata {
	t.Helper()
	resp := call(s, "GET", path, "", "", "Origin", "https://anywhere.example")
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
	h := resp.Header
	if h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "*" ||
		h.Get("Cache-Control") == "" {
		t.Errorf("%s: headers %v", path, h)
	}
	var m resourceMetadata
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	return m
}

// Metadata at the path form and at the root, without a token, from
// any page; resource byte for byte; no offline_access.
func TestResourceMetadataIsInBothPlaces(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.Scopes = []string{"openid", "offline_access", "openid", "email"} })
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		m := readPRM(t, s, path)
		if m.Resource != issuer.Resource || !slices.Equal(m.AuthorizationServers, []string{i.URL}) ||
			!slices.Equal(m.ScopesSupported, []string{"openid", "email"}) ||
			!slices.Equal(m.BearerMethodsSupported, []string{"header"}) {
			t.Errorf("%s: %+v", path, m)
		}
	}
	if m := readPRM(t, s, "/.well-known/oauth-protected-resource/sse"); m.Resource != "http://127.0.0.1:3001/sse" {
		t.Errorf("/sse names %q", m.Resource)
	}
	if resp := call(s, "OPTIONS", "/.well-known/oauth-protected-resource", "", "", "Origin", "https://a.example",
		"Access-Control-Request-Method", "GET"); resp.StatusCode != 204 {
		t.Errorf("preflight: %d", resp.StatusCode)
	}
	if resp := call(s, "POST", "/.well-known/oauth-protected-resource", "", "{}"); resp.StatusCode != 405 ||
		resp.Header.Get("Allow") == "" {
		t.Errorf("POST: %d", resp.StatusCode)
	}
	if n := i.MetadataCalls.Load(); n != 0 {
		t.Errorf("resource metadata needed the issuer %d times", n)
	}
}

// layoutCase is a resource and where things must be then.
type layoutCase struct {
	resource, metadata, sseResource, sseMetadata string
	mcp                                          []string
}

func layoutCases() []layoutCase {
	return []layoutCase{
		{
			"https://h.example/mcp", "/.well-known/oauth-protected-resource/mcp",
			"https://h.example/sse", "/.well-known/oauth-protected-resource/sse",
			[]string{"/mcp"},
		},
		{
			"https://h.example/tools/mcp", "/.well-known/oauth-protected-resource/tools/mcp",
			"https://h.example/tools/sse", "/.well-known/oauth-protected-resource/tools/sse",
			[]string{"/tools/mcp", "/mcp"},
		},
		{
			"https://h.example", "/.well-known/oauth-protected-resource",
			"https://h.example", "/.well-known/oauth-protected-resource/sse",
			[]string{"/mcp"},
		},
		{
			"https://h.example/", "/.well-known/oauth-protected-resource",
			"https://h.example/", "/.well-known/oauth-protected-resource/sse",
			[]string{"/mcp"},
		},
		{
			"https://h.example/mcp/", "/.well-known/oauth-protected-resource/mcp/",
			"https://h.example/sse", "/.well-known/oauth-protected-resource/sse",
			[]string{"/mcp/", "/mcp"},
		},
		{
			"https://h.example/who%20am", "/.well-known/oauth-protected-resource/who%20am",
			"https://h.example/sse", "/.well-known/oauth-protected-resource/sse",
			[]string{"/who%20am", "/mcp"},
		},
	}
}

// Where the documents and endpoints are, for every kind of resource URL. The
// challenge's URL must be one the server answers, and the path form of RFC
// 9728 section 3.1.
func TestEveryKindOfResourceHasItsPlaces(t *testing.T) {
	i := issuer.Start(t)
	for _, tt := range layoutCases() {
		t.Run(tt.resource, func(t *testing.T) {
			s := newServer(t, i, func(c *Config) { c.Resource = mustURL(t, tt.resource) })
			if got := s.resource.MetadataURL(); got != "https://h.example"+tt.metadata {
				t.Errorf("metadata URL %s", got)
			}
			if got := s.legacyResource.MetadataURL(); got != "https://h.example"+tt.sseMetadata {
				t.Errorf("metadata URL of /sse %s", got)
			}
			get := func(path string) string {
				resp := call(s, "GET", path, "", "", "Host", "h.example")
				body, _ := io.ReadAll(resp.Body)
				var m resourceMetadata
				if err := json.Unmarshal(body, &m); err != nil {
					t.Fatalf("%s: %d %s", path, resp.StatusCode, body)
				}
				return m.Resource
			}
			if got := get(tt.metadata); got != tt.resource {
				t.Errorf("resource %q", got)
			}
			if got := get("/.well-known/oauth-protected-resource"); got != tt.resource {
				t.Errorf("resource at the root %q", got)
			}
			if got := get(tt.sseMetadata); got != tt.sseResource {
				t.Errorf("resource of /sse %q", got)
			}
			for _, path := range tt.mcp {
				token := i.Sign(t, issuer.Change{Claims: map[string]any{"aud": tt.resource}})
				if resp := call(s, "POST", path, token, callWhoami, "Host", "h.example"); resp.StatusCode != 200 {
					t.Errorf("POST %s: %d", path, resp.StatusCode)
				}
			}
		})
	}
}

// The checks real clients make on the document of the endpoint they
// were given. go-sdk and mcp-go want the identifier to equal the URL; the
// TypeScript SDK wants a prefix on the same origin, which equality satisfies.
func TestClientsAcceptTheMetadataOfBothEndpoints(t *testing.T) {
	i := issuer.Start(t)
	srv := startServer(t, i, nil)
	for _, endpoint := range []string{srv.url + "/mcp", srv.url + "/sse"} {
		resp, err := http.Get(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		metadata := issuer.Challenge(t, resp)["resource_metadata"]
		prm, err := oauthex.GetProtectedResourceMetadata(t.Context(), metadata, endpoint, http.DefaultClient)
		if err != nil || prm.AuthorizationServers[0] != i.URL {
			t.Errorf("go-sdk on %s: %+v, %v", endpoint, prm, err)
		}
		oauth := transport.NewOAuthHandler(transport.OAuthConfig{PKCEEnabled: true})
		oauth.SetBaseURL(endpoint)
		oauth.HandleUnauthorizedResponse(resp)
		meta, err := oauth.GetServerMetadata(t.Context())
		if err != nil || meta.Issuer != i.URL {
			t.Errorf("mcp-go on %s: %+v, %v", endpoint, meta, err)
		}
	}
}

// The issuer's metadata is relayed byte for byte for clients of 2025-03-26,
// 503 while it cannot be had, 404 when the operator turned it off.
func TestIssuerMetadataIsRelayedByteForByte(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		resp := call(s, "GET", path, "", "", "Mcp-Protocol-Version", "2025-03-26")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || string(body) != i.Document() ||
			resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
		off := newServer(t, i, func(c *Config) { c.RelayIssuerMetadata = false })
		if resp := call(off, "GET", path, "", ""); resp.StatusCode != 404 {
			t.Errorf("%s turned off: %d", path, resp.StatusCode)
		}
	}
	down := issuer.Start(t)
	down.Metadata = issuer.Answer(500, "")
	if resp := call(newServer(t, down, nil), "GET", "/.well-known/oauth-authorization-server", "", ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("provider down: %d", resp.StatusCode)
	}
}

// RFC 9728 section 2: what people may be shown before they sign in. A server of
// one's own is not called whoami.
func TestAboutIsInTheMetadata(t *testing.T) {
	i := issuer.Start(t)
	about := bearer.About{Name: "Notes", Documentation: "https://h.example/docs", Policy: "https://h.example/policy", Terms: "https://h.example/terms"}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"whoami":   {nil, `"resource_name":"whoami"}`},
		"one's":    {func(c *Config) { c.MCP = named("x") }, `"bearer_methods_supported":["header"]}`},
		"complete": {func(c *Config) { c.About = about }, `"resource_name":"Notes","resource_documentation":"https://h.example/docs","resource_policy_uri":"https://h.example/policy","resource_tos_uri":"https://h.example/terms"}`},
	} {
		for _, path := range []string{"/mcp", "/sse"} {
			resp := call(newServer(t, i, tt.change), "GET", metadataPath+path, "", "")
			body, _ := io.ReadAll(resp.Body)
			if !strings.HasSuffix(strings.TrimSpace(string(body)), tt.want) {
				t.Errorf("%s: %s", name, body)
			}
		}
	}
}
