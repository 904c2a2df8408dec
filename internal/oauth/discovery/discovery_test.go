package discovery

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/hint"
)

// website serves fixed documents and records which paths were asked for.
type website struct {
	*httptest.Server
	mu    sync.Mutex
	docs  map[string]string
	asked []string
}

func newSite(t *testing.T) *website {
	s := &website{docs: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.URL.Path)
		for name := range r.Header {
			if name == "Authorization" || name == "Cookie" {
				t.Errorf("metadata request carries %s", name)
			}
		}
		doc, ok := s.docs[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if status, body, ok := strings.Cut(doc, " "); ok && len(status) == 3 {
			var code int
			fmt.Sscan(status, &code)
			if code >= 300 && code < 400 {
				w.Header().Set("Location", body)
			}
			w.WriteHeader(code)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, doc)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *website) set(path, doc string) { s.docs[path] = strings.ReplaceAll(doc, "$B", s.URL) }

func (s *website) prm(path, issuer string) {
	s.set("/.well-known/oauth-protected-resource"+path, `{"resource":"$B`+path+`","authorization_servers":["$B`+issuer+`"],"scopes_supported":["a","b"]}`)
}

func metadataDoc(issuer string) string {
	return `{"issuer":"$B` + issuer + `","authorization_endpoint":"$B/auth","token_endpoint":"$B/token","registration_endpoint":"$B/reg","code_challenge_methods_supported":["S256"]}`
}

func (s *website) discover(t *testing.T, path, challenge string) (Result, error) {
	t.Helper()
	server, err := url.Parse(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if challenge != "" {
		h.Set("WWW-Authenticate", strings.ReplaceAll(challenge, "$B", s.URL))
	}
	c, _ := BearerChallenge(h)
	return Discover(t.Context(), NewGuard(server, nil, nil).HTTPClient(), Query{Server: server, Challenge: c})
}

// Which addresses are asked, in which order (RFC 9728, section 3.1; MCP 2025-11-25,
// Authorization Server Metadata Discovery).
func TestAddressesAreAskedInOrder(t *testing.T) {
	cases := []struct {
		name, mcpPath, prmPath, issuer, metaPath, challenge string
		want                                                []string
	}{
		{
			"path endpoint, root issuer", "/mcp", "/mcp", "", "/.well-known/oauth-authorization-server", "",
			[]string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"},
		},
		{
			"root endpoint", "", "", "", "/.well-known/openid-configuration", "",
			[]string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"},
		},
		{
			"Logto: path issuer, appended only", "/mcp", "/mcp", "/oidc", "/oidc/.well-known/openid-configuration", "",
			[]string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server/oidc", "/.well-known/openid-configuration/oidc", "/oidc/.well-known/openid-configuration"},
		},
		{
			"inserted OpenID document", "/mcp", "/mcp", "/t/1", "/.well-known/openid-configuration/t/1", "",
			[]string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server/t/1", "/.well-known/openid-configuration/t/1"},
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.prm(tc.prmPath, tc.issuer)
			s.set(tc.metaPath, metadataDoc(tc.issuer))
			d, err := s.discover(t, tc.mcpPath, tc.challenge)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.asked, tc.want) {
				t.Errorf("asked %q, want %q", s.asked, tc.want)
			}
			if d.Resource != s.URL+tc.prmPath || d.Server.Issuer != s.URL+tc.issuer || !slices.Equal(d.ScopesSupported, []string{"a", "b"}) {
				t.Errorf("found %+v", d)
			}
		})
	}
}

// RFC 9728, section 5.1: the address in the challenge is used and no other, as long
// as it holds the metadata; where it does not, the well-known ones are asked, and the
// error is about the address in the challenge if they have nothing either.
func TestChallengedAddressComesFirst(t *testing.T) {
	s := newSite(t)
	s.set("/custom/meta.json", `{"resource":"$B/mcp","authorization_servers":["$B"]}`)
	s.set("/.well-known/oauth-authorization-server", metadataDoc(""))
	if _, err := s.discover(t, "/mcp", `Bearer resource_metadata="$B/custom/meta.json"`); err != nil {
		t.Fatal(err)
	}
	if s.asked[0] != "/custom/meta.json" || slices.Contains(s.asked, "/.well-known/oauth-protected-resource") {
		t.Errorf("asked %q", s.asked)
	}
	s.asked = nil
	_, err := s.discover(t, "/mcp", `Bearer resource_metadata="$B/nowhere"`)
	want := []string{"/nowhere", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"}
	if err == nil || !strings.Contains(err.Error(), s.URL+"/nowhere") || !slices.Equal(s.asked, want) {
		t.Errorf("a dead address in the challenge: err %v, asked %q", err, s.asked)
	}
	s.prm("/mcp", "")
	if d, err := s.discover(t, "/mcp", `Bearer resource_metadata="$B/nowhere"`); err != nil || d.Resource != s.URL+"/mcp" {
		t.Errorf("a dead address and a good document: %v", err)
	}
}

// RFC 9728, section 3.3: metadata of another resource stops the login before the
// authorization server is even asked. The string is kept byte for byte.
func TestResourceMustBeTheServer(t *testing.T) {
	cases := []struct {
		resource string
		ok       bool
	}{
		{"$B/mcp", true},
		{"$B", true},
		{"$B/", true},
		{"$B/mcp/", true}, // the slash is kept for the request, not for the comparison
		{"$B/mc", false},
		{"$B/mcpx", false},
		{"$B/mcp/more", false},
		{"https://evil.example/mcp", false},
		{"$B/mcp#f", false},
		{"$B/mcp#", false},
		{"$U/mcp", false}, // with a user
		{"", false},
	}
	for _, tc := range cases {
		s := newSite(t)
		s.set("/.well-known/oauth-protected-resource/mcp", `{"resource":"`+strings.Replace(tc.resource, "$U", strings.Replace(s.URL, "//", "//user:pw@", 1), 1)+`","authorization_servers":["$B"]}`)
		s.set("/.well-known/oauth-authorization-server", metadataDoc(""))
		d, err := s.discover(t, "/mcp", "")
		if (err == nil) != tc.ok {
			t.Errorf("%q: %v", tc.resource, err)
		}
		want := strings.ReplaceAll(tc.resource, "$B", s.URL)
		if tc.ok && d.Resource != want {
			t.Errorf("resource %q changed to %q", want, d.Resource)
		}
		if !tc.ok && slices.Contains(s.asked, "/.well-known/oauth-authorization-server") {
			t.Errorf("%q: went on to %q", tc.resource, s.asked)
		}
	}
}

// RFC 8414, section 3.3: a document that calls itself something else is not used, at
// each of the addresses, not even with a slash more.
func TestDocumentOfAnotherIssuerIsNotUsed(t *testing.T) {
	for _, path := range []string{"/.well-known/oauth-authorization-server/t", "/.well-known/openid-configuration/t", "/t/.well-known/openid-configuration"} {
		for _, wrong := range []string{"", "/t/", "/T", "/other"} {
			s := newSite(t)
			s.prm("/mcp", "/t")
			s.set(path, metadataDoc(wrong))
			if _, err := s.discover(t, "/mcp", ""); err == nil {
				t.Errorf("%s with issuer %q was used", path, wrong)
			}
		}
	}
	s := newSite(t) // the 2025-03-26 fallback as well
	s.set("/.well-known/oauth-authorization-server", metadataDoc("/other"))
	if _, err := s.discover(t, "/mcp", ""); err == nil {
		t.Error("fallback used a document of another issuer")
	}
}

// One issuer without a path has two spellings (RFC 3986, section 6.2.3), and no
// other difference is none.
func TestSameIssuer(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"https://idp.example", "https://idp.example/", true},
		{"https://idp.example:8443/", "https://idp.example:8443", true},
		{"https://idp.example/t", "https://idp.example/t", true},
		{"https://idp.example/t", "https://idp.example/t/", false},
		{"https://idp.example", "https://idp.example//", false},
		{"https://idp.example//", "https://idp.example/", false},
		{"https://idp.example", "http://idp.example/", false},
		{"https://idp.example", "https://idp.example:443/", false},
		{"https://idp.example", "https://idp.example/?", false},
		{"https://idp.example?", "https://idp.example?/", false},
		{"https://idp.example", "https://idp.example.evil.example/", false},
		{"https://idp.example#", "https://idp.example#/", false},
		{"", "/", false},
		{"/", "//", false},
	} {
		if SameIssuer(tc.a, tc.b) != tc.same || SameIssuer(tc.b, tc.a) != tc.same {
			t.Errorf("%q and %q: not %v", tc.a, tc.b, tc.same)
		}
	}
}

// A server of MCP 2025-03-26, with and without metadata.
func TestServerWithoutResourceMetadata(t *testing.T) {
	s := newSite(t)
	s.set("/.well-known/oauth-authorization-server", metadataDoc(""))
	d, err := s.discover(t, "/mcp", "")
	if err != nil || d.Resource != "" || d.Server.TokenEndpoint != s.URL+"/token" || d.Server.assumed {
		t.Fatalf("%+v, %v", d, err)
	}
	s = newSite(t)
	d, err = s.discover(t, "/mcp", "")
	if err != nil || !d.Server.assumed || d.Server.AuthorizationEndpoint != s.URL+"/authorize" || d.Server.RegistrationEndpoint != s.URL+"/register" {
		t.Fatalf("%+v, %v", d, err)
	}
}

// An HTML page with status 200 is passed over, an outage is not.
func TestOutageIsNotAbsence(t *testing.T) {
	s := newSite(t)
	s.set("/.well-known/oauth-protected-resource/mcp", "<html>welcome</html>")
	s.prm("", "")
	s.set("/.well-known/oauth-protected-resource", `{"resource":"$B","authorization_servers":["$B"]}`)
	s.set("/.well-known/oauth-authorization-server", metadataDoc(""))
	if _, err := s.discover(t, "/mcp", ""); err != nil {
		t.Errorf("HTML page: %v", err)
	}
	for _, status := range []string{"500 x", "503 x", "429 x"} {
		s = newSite(t)
		s.set("/.well-known/oauth-protected-resource/mcp", status)
		if _, err := s.discover(t, "/mcp", ""); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// Redirects of metadata are few and checked like any other address.
func TestMetadataRedirectsAreFewAndChecked(t *testing.T) {
	s := newSite(t)
	s.set("/.well-known/oauth-protected-resource/mcp", "302 /moved")
	s.set("/moved", `{"resource":"$B/mcp","authorization_servers":["$B"]}`)
	s.set("/.well-known/oauth-authorization-server", metadataDoc(""))
	if _, err := s.discover(t, "/mcp", ""); err != nil {
		t.Errorf("one redirect: %v", err)
	}
	for _, target := range []string{"http://169.254.169.254/latest", "http://evil.example/x", "file:///etc/passwd", "302 loop"} {
		s = newSite(t)
		s.set("/.well-known/oauth-protected-resource/mcp", "302 "+strings.TrimPrefix(target, "302 "))
		if target == "302 loop" {
			s.set("/.well-known/oauth-protected-resource/mcp", "302 /.well-known/oauth-protected-resource/mcp")
		}
		if _, err := s.discover(t, "/mcp", ""); err == nil {
			t.Errorf("redirect to %s followed", target)
		}
		if len(s.asked) > maxMetadataRedirects+1+1 { // the other well-known address has nothing
			t.Errorf("%d requests", len(s.asked))
		}
	}
}

// A document without end is not read to its end.
func TestMetadataIsBounded(t *testing.T) {
	sent := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for range 1600 { // 100 MiB
			n, err := w.Write(chunk)
			sent += n
			if err != nil {
				return
			}
		}
	}))
	u, _ := url.Parse(srv.URL)
	_, err := fetch(t.Context(), NewGuard(u, nil, nil).HTTPClient(), srv.URL, nil)
	srv.Close()
	if err == nil || sent > 16<<20 {
		t.Fatalf("err %v, %d bytes were sent", err, sent)
	}
}

// Of several authorization servers the known one is preferred, and one
// that fails is passed over.
func TestKnownServerIsPreferred(t *testing.T) {
	s := newSite(t)
	s.set("/.well-known/oauth-protected-resource/mcp", `{"resource":"$B/mcp","authorization_servers":["$B/dead","$B/one","$B/two"]}`)
	s.set("/.well-known/oauth-authorization-server/one", metadataDoc("/one"))
	s.set("/.well-known/oauth-authorization-server/two", metadataDoc("/two"))
	d, err := s.discover(t, "/mcp", "")
	if err != nil || d.Server.Issuer != s.URL+"/one" {
		t.Fatalf("%v, %v", d.Server.Issuer, err)
	}
	server, _ := url.Parse(s.URL + "/mcp")
	d, err = Discover(t.Context(), NewGuard(server, nil, nil).HTTPClient(), Query{Server: server, KnownIssuer: s.URL + "/two"})
	if err != nil || d.Server.Issuer != s.URL+"/two" {
		t.Fatalf("%v, %v", d.Server.Issuer, err)
	}
}

// A provider that lists methods without S256 is refused (MCP 2025-11-25,
// Authorization Code Protection). One that lists none is used with S256.
func TestProviderWithoutS256IsRefused(t *testing.T) {
	for _, methods := range [][]string{{"plain"}, {"s256"}, {""}, {"plain", "S512"}} {
		var advice *hint.Error
		err := (&ServerMetadata{Issuer: "https://a.example", CodeChallengeMethods: methods}).checkPKCE()
		if !errors.As(err, &advice) || !strings.Contains(err.Error(), "S256") {
			t.Errorf("%v: %v", methods, err)
		}
	}
	for _, methods := range [][]string{nil, {}, {"plain", "S256"}} {
		if err := (&ServerMetadata{CodeChallengeMethods: methods}).checkPKCE(); err != nil {
			t.Errorf("%v: %v", methods, err)
		}
	}
}

// Metadata that is elsewhere is fetched from there
// only when that would be allowed at first hand.
func TestRedirectsLeadToNoPrivateAddress(t *testing.T) {
	names(t, map[string][]string{"cloud.example": {"169.254.169.254"}})
	for _, target := range []string{"https://169.254.169.254/latest/meta-data", "https://[fe80::1]/x", "https://[::ffff:169.254.169.254]/x", "https://cloud.example/x"} {
		for _, status := range []string{"301", "302", "303", "307", "308"} {
			s := newSite(t)
			s.set("/.well-known/oauth-protected-resource/mcp", status+" "+target)
			if _, err := s.discover(t, "/mcp", ""); err == nil || !strings.Contains(err.Error(), "refused to connect") {
				t.Errorf("%s to %s: %v", status, target, err)
			}
		}
	}
}
