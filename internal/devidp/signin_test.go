package devidp_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
)

// The page offers everybody and Deny, warns, preselects login_hint, and needs
// no scripts and nothing from elsewhere. Every login shows it: there is no
// session.
func TestSignInPage(t *testing.T) {
	r := start(t, func(c *devidp.Config) {
		c.Clients = append(c.Clients, devidp.Client{ID: `<b>"`, RedirectURIs: []string{callback}})
	})
	a := r.get(r.host() + r.authorize(params("client_id", `<b>"`, "login_hint", "bob@example.test")).location().String())
	for _, want := range []string{`name="user" value="alice"`, `name="user" value="bob" class="hinted" autofocus`, `name="user" value=""`, "not for production", `name="viewport"`, "prefers-color-scheme: dark"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, not := range []string{"<script", "<b>", "http://", "https://", "src=", "<link"} {
		if strings.Contains(a.body, not) {
			t.Errorf("the page has %s", not)
		}
	}
	if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", a.header)
	}
	r.code()
	r.code()
	if n := r.idp.Stats().Logins; n != 3 {
		t.Errorf("%d pages for three requests", n)
	}
}

// One choice for one page: an interaction that was used or made up gets
// nowhere, and a name that is nobody's does not count as a choice.
func TestInteractionOnce(t *testing.T) {
	r := start(t, nil)
	id := r.authorize(params()).location().Query().Get("interaction")
	choose := func(id, user string) answer {
		return r.post(r.host()+"/sign-in", url.Values{"interaction": {id}, "user": {user}})
	}
	if a := choose(id, "mallory"); a.status != 400 {
		t.Errorf("unknown user: status %d", a.status)
	}
	if q := choose(id, "bob").location().Query(); !q.Has("code") {
		t.Error("no code after a name that is nobody's")
	}
	for _, used := range []string{id, "", "made-up"} {
		if a := choose(used, "bob"); a.status != 400 || a.header.Get("Location") != "" {
			t.Errorf("used or unknown interaction: status %d", a.status)
		}
	}
	if a := r.do(r.request(http.MethodPut, r.host()+"/sign-in?interaction="+id, "")); a.status != 405 {
		t.Errorf("PUT: status %d", a.status)
	}
}

// A page of another site cannot press the button, even if it knew the
// interaction.
func TestSignInFromAnotherSite(t *testing.T) {
	r := start(t, nil)
	for name, header := range map[string][]string{"Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"}, "Origin": {"Origin", "https://evil.example"}} {
		id := r.authorize(params()).location().Query().Get("interaction")
		form := url.Values{"interaction": {id}, "user": {"alice"}}
		if a := r.post(r.host()+"/sign-in", form, header...); a.status != 403 {
			t.Errorf("%s: status %d", name, a.status)
		}
		if a := r.post(r.host()+"/sign-in", form, "Origin", r.host()); a.status != http.StatusSeeOther {
			t.Errorf("own page: status %d", a.status)
		}
	}
}

// Names of elsewhere that point to this machine get nothing (DNS rebinding).
func TestHostMustBeLoopback(t *testing.T) {
	r := start(t, nil)
	for host, want := range map[string]int{"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "": 421, "localhost": 200, "LOCALHOST:3002": 200, "[::1]:3002": 200, "[::1]": 200, "127.0.0.1": 200} {
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/oidc/jwks", http.NoBody)
		req.Host = host
		if r.idp.ServeHTTP(w, req); w.Code != want {
			t.Errorf("Host %q: status %d", host, w.Code)
		}
	}
}

// It runs on loopback only, by address and by name.
func TestLoopbackOnly(t *testing.T) {
	for _, issuer := range []string{
		"http://192.0.2.1:3002/oidc", "http://idp.example/oidc", "http://0.0.0.0:3002/oidc", "http://127.0.0.1.evil.example/oidc",
		"https://127.0.0.1:3002/oidc", "http://127.0.0.1:3002", "http://127.0.0.1:3002/oidc/", "http://u@127.0.0.1/oidc", "http://127.0.0.1/oidc?x", "127.0.0.1", "",
	} {
		if _, err := devidp.New(issuer, devidp.Config{}); err == nil {
			t.Errorf("issuer %q was accepted", issuer)
		}
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "idp.example:0", "127.0.0.1", ""} {
		s, err := devidp.Start(t.Context(), address, devidp.Config{})
		if err == nil {
			t.Errorf("address %q was accepted", address)
			_ = s.Close()
		} else if strings.HasSuffix(address, ":0") && !strings.Contains(err.Error(), "listens on loopback only") {
			t.Errorf("address %q was refused after it was bound: %v", address, err)
		}
	}
	for _, issuer := range []string{"http://127.0.0.1:3002/oidc", "http://localhost:3002/oidc", "http://[::1]:3002/oidc"} {
		if p, err := devidp.New(issuer, devidp.Config{}); err != nil || p.Issuer() != issuer {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
}

// A handler that somebody has put on another address answers nobody there,
// whatever Host says.
func TestHandlerOnAnotherAddress(t *testing.T) {
	p, err := devidp.New("http://127.0.0.1:3002/oidc", devidp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]int{"127.0.0.1": 200, "::1": 200, "192.0.2.1": 421, "0.0.0.0": 421} {
		r := httptest.NewRequest("GET", "/oidc/.well-known/openid-configuration", nil)
		r.Host = "127.0.0.1:3002"
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(ip), Port: 3002}))
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", ip, w.Code, want)
		}
	}
}

// Configurations that cannot work are refused at once.
func TestConfigRefused(t *testing.T) {
	for name, cfg := range map[string]devidp.Config{
		"no subject":   {Users: []devidp.User{{Username: "a"}}},
		"no username":  {Users: []devidp.User{{Subject: "1"}}},
		"same name":    {Users: []devidp.User{{Username: "a", Subject: "1"}, {Username: "a", Subject: "2"}}},
		"same subject": {Users: []devidp.User{{Username: "a", Subject: "1"}, {Username: "b", Subject: "1"}}},
		"client":       {Clients: []devidp.Client{{}}},
	} {
		if _, err := devidp.New("http://127.0.0.1:3002/oidc", cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Approve plays the person, to the client's redirect URI and its page.
func TestApprovePlaysThePerson(t *testing.T) {
	r := start(t, nil)
	var got url.Values
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req.URL.Query()
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("signed in"))
	}))
	t.Cleanup(app.Close)
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	approve := func(username string, pairs ...string) (devidp.Outcome, error) {
		got = nil
		return devidp.Approve(t.Context(), browser, r.idp.Issuer()+"/auth?"+params(append([]string{"redirect_uri", app.URL + "/callback"}, pairs...)...).Encode(), username)
	}
	out, err := approve("bob")
	if err != nil || out.Status != http.StatusTeapot || out.Body != "signed in" || !got.Has("code") {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := approve(""); err != nil || got.Get("error") != "access_denied" {
		t.Errorf("deny: %v, error %q", err, got.Get("error"))
	}
	if _, err := approve("carol"); err == nil || got != nil {
		t.Errorf("somebody unknown: %v", err)
	}
	if _, err := approve("bob", "resource", "http://localhost/wrong"); err != nil || got.Get("error") != "invalid_target" {
		t.Errorf("refused at once: %v, error %q", err, got.Get("error"))
	}
	if out, err := approve("bob", "client_id", "nobody"); err != nil || out.Status != 400 {
		t.Errorf("unknown client: %v, status %d", err, out.Status)
	}
}

// Errors of Approve hold no addresses, because addresses hold states and codes.
func TestApproveErrors(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, address := range []string{closed.URL + "/auth?state=hush", "://?state=hush"} {
		if _, err := devidp.Approve(gone, http.DefaultClient, address, "alice"); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("error %v", err)
		}
	}
}

// The pages for people name the program that asks, however it came to be known, by the
// name that it has given itself, and one without a name by its id. Nothing of a name acts.
func TestPagesNameTheProgram(t *testing.T) {
	address, _ := documents(t, httptest.NewServer, mcpDocument)
	r := start(t, func(c *devidp.Config) {
		registering(c)
		withDocuments(c)
		c.Clients = append(c.Clients, devidp.Client{ID: "named", Name: "A configured one", RedirectURIs: []string{callback}})
	})
	page := func(id string) string {
		t.Helper()
		return r.get(r.host() + r.authorize(params("client_id", id)).location().String()).body
	}
	const nameless = "A program with the client id <strong>"
	registered := func(name string) string {
		t.Helper()
		return r.register(strings.Replace(nativeMetadata, `"An MCP client"`, name, 1)).text("client_id")
	}
	unnamed := registered(`" \u200b\t"`)
	for id, want := range map[string]string{
		registered(`"Example Desktop"`):                   "<p><strong>Example Desktop</strong> wants to sign you in",
		registered(`"a\u202eb\u001b[2J\n<i>c</i>"`):       "<p><strong>ab[2J; &lt;i&gt;c&lt;/i&gt;</strong> wants to sign you in",
		registered(`"` + strings.Repeat("x", 2000) + `"`): "<p><strong>" + strings.Repeat("x", 299) + "…</strong> wants to sign you in",
		unnamed:  nameless + unnamed + "</strong> wants to sign you in",
		address:  "<p><strong>An MCP client</strong> wants to sign you in",
		"named":  "<p><strong>A configured one</strong> wants to sign you in",
		"native": nameless + "native</strong> wants to sign you in",
	} {
		if body := page(id); !strings.Contains(body, want) {
			t.Errorf("%s: %q is missing in\n%s", id, want, body)
		}
	}
	r.register(strings.Replace(nativeMetadata, `"An MCP client"`, "1", 1)).wantError(400, "invalid_client_metadata")
	code := r.device().text("user_code")
	for query, want := range map[string]string{"?user_code=" + code: nameless + "device</strong> wants to sign you in", "?user_code=NONE": "<p>Compare", "": "<p>Compare"} {
		if body := r.get(r.host() + "/device" + query).body; !strings.Contains(body, want) {
			t.Errorf("%s: %q is missing in\n%s", query, want, body)
		}
	}
}
