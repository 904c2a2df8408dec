package server

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

// The page for people names this server and nothing from elsewhere, needs no
// token, and its policy allows nothing but what is on it. The provider is asked once.
func TestPageHasNothingFromElsewhere(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		c.Resource = mustURL(t, "https://h.example/sub/mcp")
		c.AllowedHosts = []string{"127.0.0.1:3001"}
	})
	for _, path := range []string{"/", "/sub/"} {
		resp := call(s, "GET", path, "", "")
		body := readPage(t, resp)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
		for _, want := range []string{
			"https://h.example/sub/mcp", "https://h.example/sub/sse", "&#34;command&#34;: &#34;mcp-login&#34;",
			`href="https://h.example/.well-known/oauth-protected-resource/sub/mcp"`, `href="https://h.example/sub/healthz"`,
			"claude mcp add", "prefers-color-scheme: dark", i.URL,
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
	if n := i.MetadataCalls.Load(); n > 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// readPage returns the page without what keeps words together.
func readPage(t *testing.T, resp *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("<span>", "", "</span>", "").Replace(string(raw))
}

// What is copied from the page has the client id that the issuer needs: the operator's,
// or a place for one where programs cannot register themselves. Nothing is invented
// while the issuer cannot be asked, and that is not remembered by anybody.
func TestPageClientID(t *testing.T) {
	const registration, documents = `"registration_endpoint":"https://id.example/reg"`, `"client_id_metadata_document_supported":true`
	for name, tt := range map[string]struct {
		members, public string
		clients         []string
		down            bool
		id, cache       string // as they come
		asks            bool
	}{
		"registration":          {members: registration},
		"metadata documents":    {members: documents},
		"neither":               {members: `"x":1`, id: "CLIENT_ID", asks: true},
		"only some":             {members: registration, clients: []string{"a"}, id: "CLIENT_ID", asks: true},
		"named":                 {members: `"x":1`, public: "app-1", id: "app-1"},
		"named for some":        {members: registration, public: "a", clients: []string{"a", "b"}, id: "a"},
		"named, and down":       {down: true, public: "app-1", id: "app-1"},
		"named, for a shell":    {members: registration, public: "sb-app!t1", id: "&#39;sb-app!t1&#39;"},
		"named, and no markup":  {members: registration, public: "<b>", id: "&#39;&lt;b&gt;&#39;"},
		"down":                  {down: true, cache: "no-store"},
		"down, with known ones": {down: true, clients: []string{"a"}, id: "CLIENT_ID", asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			i.Metadata = func(w http.ResponseWriter, r *http.Request) {
				if tt.down {
					http.Error(w, "down", http.StatusInternalServerError)
					return
				}
				issuer.Answer(200, `{"issuer":"`+i.URL+`","jwks_uri":"`+i.URL+`/jwks",`+tt.members+`}`)(w, r)
			}
			s := newServer(t, i, func(c *Config) { c.PublicClient, c.Clients = tt.public, tt.clients })
			resp := call(s, "GET", "/", "", "")
			body := readPage(t, resp)
			lines := []string{
				"mcp-login login --client-id " + tt.id + " " + issuer.Resource + "<", " --write -- --client-id " + tt.id + "<",
				"claude mcp add --transport http --client-id " + tt.id + " whoami " + issuer.Resource + "<",
			}
			if tt.id == "" {
				lines = []string{"mcp-login login " + issuer.Resource + "<", " --write<", "http whoami " + issuer.Resource + "<"}
			}
			for _, want := range lines {
				if !strings.Contains(body, want) {
					t.Errorf("%q is missing in\n%s", want, body)
				}
			}
			if n := strings.Count(body, "client-id") + strings.Count(body, "clientId"); tt.id == "" && n != 0 || tt.id != "" && n != 5 {
				t.Errorf("%d client ids in\n%s", n, body)
			}
			if got := strings.Contains(body, "cannot register themselves"); got != tt.asks {
				t.Errorf("the reader is told to ask: %t", got)
			}
			if got := resp.Header.Get("Cache-Control"); got != cmp.Or(tt.cache, "public, max-age=300") {
				t.Errorf("Cache-Control %q", got)
			}
			if tt.public != "" && i.MetadataCalls.Load() != 0 {
				t.Error("the provider was asked for nothing")
			}
		})
	}
}

// A provider that does not answer delays the page no longer than it may.
func TestPageOfSilentIssuer(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Metadata = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		began := time.Now()
		resp := call(s, "GET", "/", "", "")
		if waited := time.Since(began); resp.StatusCode != 200 || waited != registrationWait {
			t.Errorf("%d after %s", resp.StatusCode, waited)
		}
	})
}

// Where the operator says how people get mcp-login, the page leads there.
func TestPageOfInstalling(t *testing.T) {
	for address, want := range map[string]string{
		"":                              "With Go, in a clone of its repository",
		"https://h.example/get?a=1&b=2": `<a href="https://h.example/get?a=1&amp;b=2">`,
	} {
		s := newServer(t, issuer.Start(t), func(c *Config) { c.InstallPage = address })
		body, _ := io.ReadAll(call(s, "GET", "/", "", "").Body)
		if !strings.Contains(string(body), want) || !strings.Contains(string(body), `href="#install"`) {
			t.Errorf("%q: %q is missing in\n%s", address, want, body)
		}
	}
	for _, address := range []string{"javascript:alert(1)", "mcp-login", "/install", "ftp://h.example/"} {
		if _, err := New(Config{InstallPage: address, Config: bearer.Config{Resource: mustURL(t, issuer.Resource), Issuer: "https://id.example"}}); err == nil {
			t.Errorf("%s was taken", address)
		}
	}
}

// A resource's address cannot break out of where it stands.
func TestPageEscapes(t *testing.T) {
	s := newServer(t, issuer.Start(t), func(c *Config) {
		c.Resource = mustURL(t, "https://h.example/%3Cscript%3E'%22/mcp")
		c.AllowedHosts = []string{"127.0.0.1:3001"}
		c.Version = `</footer><script>alert(1)</script>`
	})
	body, _ := io.ReadAll(call(s, "GET", "/", "", "").Body)
	if n := strings.Count(string(body), "<script"); n != 1 {
		t.Errorf("%d scripts:\n%s", n, body)
	}
}
