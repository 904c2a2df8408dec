package oauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/oauth/discovery"
)

// Members of an endpoint's query that some provider would read as one that the
// request owns, however it is spelled; what has a plain name of its own stays.
func TestSecondLookOauthEndpointQuery(t *testing.T) {
	for _, member := range []string{
		"resource", "Resource", "RESOURCE", "resource[]", "resource%5B0%5D", "resource[a][b]", "resource%00", "%00resource", "resource%00x", "%20resource", "resource%20", "+resource", "resource+",
		"%09resource", "resource%0a", "resource%0d%0a", "%c2%a0resource", "%ef%bb%bfresource", "%e2%80%8bresource", "re%73ource", "%72%65%73%6f%75%72%63%65", "%u0072esource",
		"%ef%bd%92esource", "%c5%bfcope", "%c5%bftate", "toke%e2%84%aan", "redirect%2euri", "redirect.uri", "redirect+uri", "redirect%20uri", "Redirect.Uri", "redirect[uri", "redirect%5Furi", "response.mode",
		"resource;", "x;resource", "x%3bresource", "amp;resource", "resource%26x", "resource%3dx", "\"resource\"", "'resource'", "resource\\", "resource\\[\\]", "$.resource", "resource:", "resource/",
		"authorization_details", "Authorization_Details[]", "claims", "request_uri[]", "client_assertion", "code_challenge", "code_challenge_method", "nonce", "", "%", "%zz",
	} {
		u := &url.URL{Scheme: "https", Host: "p.example", Path: "/a", RawQuery: "keep=1&" + member + "=evil&p=B2C_1_x&a-b.c_d=2"}
		if got := OwnQuery(u, nil).RawQuery; got != "keep=1&p=B2C_1_x&a-b.c_d=2" {
			t.Errorf("%q: %s", member, got)
		}
	}
	// What a request sets itself is its own as well, in every spelling.
	for _, member := range []string{"prompt", "PROMPT", "p%72ompt", "prompt[]", "ac.r"} {
		u := &url.URL{Scheme: "https", Host: "p.example", RawQuery: member + "=evil"}
		if got := OwnQuery(u, url.Values{"prompt": {"x"}, "ac_r": nil}).RawQuery; got != "" {
			t.Errorf("%q: %s", member, got)
		}
	}
}

// Whatever an endpoint's query is, what is left of it are members with plain names
// that no request owns, as they were and in their order.
func FuzzEndpointQuery(f *testing.F) {
	for _, query := range []string{"a=b", "resource=x&keep=1", "re%73ource[]=x&&=&a;b", "a.b_C-d=%zz", "%00=1", "request.URI=x"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := OwnQuery(&url.URL{Scheme: "https", Host: "p.example", RawQuery: query}, url.Values{"prompt": nil}).RawQuery
		rest := strings.Split(query, "&")
		for member := range strings.SplitSeq(got, "&") {
			if got == "" {
				return
			}
			at := slices.Index(rest, member)
			if at < 0 {
				t.Fatalf("%q: %q is not of it, or out of order", query, member)
			}
			rest = rest[at+1:]
			raw, _, _ := strings.Cut(member, "=")
			name, err := url.QueryUnescape(raw)
			name = strings.ReplaceAll(strings.ToLower(name), ".", "_")
			if err != nil || !plainName(name) || name == "prompt" || slices.Contains(owned, name) || slices.Contains(ofRequests, name) || strings.Contains(member, ";") {
				t.Fatalf("%q: %q is kept", query, member)
			}
		}
	})
}

// A redirect of whatever code is followed nowhere: neither a code nor a secret, a
// token or a device code is posted to where an endpoint points.
func TestSecondLookOauthRedirectedForms(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent on", r.Method, r.URL) }))
	defer other.Close()
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308, 399} {
		for _, to := range []string{other.URL, "//" + strings.TrimPrefix(other.URL, "http://"), other.URL + "/?x=\r\n"} {
			first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.Header().Set("Refresh", "0; url="+to)
				w.Header().Set("Content-Location", to)
				w.WriteHeader(status)
			}))
			server := &url.URL{Scheme: "http", Host: strings.TrimPrefix(first.URL, "http://"), Path: "/mcp"}
			c := New(Config{Server: server, HTTP: discovery.NewHTTPClient(server, nil), Identity: Identity{Name: "x"}, Key: Key{Server: server.String()}})
			reg := Registration{Issuer: first.URL, ClientID: "c", ClientSecret: NewSecret("s"), AuthMethod: authPost, ManageURI: first.URL + "/m", ManageToken: NewSecret("m")}
			cred := Credential{Issuer: first.URL, TokenEndpoint: first.URL + "/token", RevocationEndpoint: first.URL + "/revoke", Registration: reg, RefreshToken: NewSecret("r"), AccessToken: NewSecret("a")}
			meta := discovery.ServerMetadata{Issuer: first.URL, TokenEndpoint: first.URL + "/token", RegistrationEndpoint: first.URL + "/register", DeviceEndpoint: first.URL + "/device"}
			_, refreshed := c.refresh(t.Context(), cred)
			_, registered := c.registerDynamically(t.Context(), meta, "http://127.0.0.1/callback", "")
			_, device := c.authorizeDevice(t.Context(), meta, cred)
			for what, err := range map[string]error{"refresh": refreshed, "register": registered, "device": device, "exchange": c.exchange(t.Context(), &cred, "code", "verifier"), "revoke": c.revoke(t.Context(), cred), "unregister": c.unregister(t.Context(), reg)} {
				if err == nil || strings.ContainsAny(err.Error(), "\r\n") && what != "refresh" {
					t.Errorf("%d, %s: %v", status, what, err)
				}
			}
			c.Close()
			first.Close()
		}
	}
}

// The first contact of a client secret: who is of the server's own site, and who
// only looks like it.
func TestSecondLookOauthSecretAtFirstContact(t *testing.T) {
	for _, tc := range []struct {
		server, issuer, pinned string
		want                   bool
	}{
		{"https://mcp.a.example/mcp", "https://login.a.example", "", true},
		{"https://mcp.a.example/mcp", "https://A.EXAMPLE.:8443/x", "", true},
		{"https://mcp.a.example/mcp", "https://mcp.a.example.evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://a.example.evil.example/a.example", "", false},
		{"https://mcp.a.example/mcp", "https://eviла.example", "", false},
		{"https://mcp.a.example/mcp", "https://evila.example", "", false},
		{"https://mcp.a.example/mcp", "https://a.example@evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://example", "", false},
		{"https://a.github.io/mcp", "https://b.github.io", "", false},
		{"https://a.vercel.app/mcp", "https://b.vercel.app", "", false},
		{"https://a.co.uk/mcp", "https://b.co.uk", "", false},
		{"https://10.0.0.1/mcp", "https://10.0.0.2", "", false},
		{"https://10.0.0.1/mcp", "https://10.0.0.1:9", "", true},
		{"https://intranet/mcp", "https://login.intranet", "", false},
		{"https://mcp.a.example/mcp", "https://p.example/x", "https://p.example/x", true},
		// The pin is compared character for character.
		{"https://mcp.a.example/mcp", "https://p.example/x/", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "https://P.example/x", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "https://p.example/y", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "%", "", false},
		{"https://mcp.a.example/mcp", "https://127.0.0.1.evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://localhost.evil.example", "", false},
	} {
		server, err := url.Parse(tc.server)
		if err != nil {
			t.Fatal(err)
		}
		c := New(Config{Server: server, HTTP: http.DefaultClient, IssuerChoice: discovery.IssuerChoice{Named: tc.pinned}})
		var refused *Error
		if err := c.maySendSecret(discovery.ServerMetadata{Issuer: tc.issuer}); (err == nil) != tc.want {
			t.Errorf("%+v: %v", tc, err)
		} else if err != nil && (strings.Contains(err.Error(), "\n") || !errors.As(err, &refused) || !strings.Contains(refused.Hint, "--issuer")) {
			t.Errorf("%+v: %v", tc, err)
		}
		c.Close()
	}
}
