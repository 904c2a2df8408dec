package oauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// After a login the server names another authorization server. What
// belongs to the first one, client, secret and refresh token, is never presented
// to the second: a dynamic client registers anew, a given one is an error.
func TestAnotherAuthorizationServerGetsNothing(t *testing.T) {
	for _, given := range []bool{false, true} {
		l := newNetworkLab(t, func(c *devidp.Config) {
			c.Clients = []devidp.Client{{ID: "given-at-the-first", Secret: "secret-of-the-first", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
		})
		var mu sync.Mutex
		told := ""
		second := httptest.NewUnstartedServer(nil)
		other, err := devidp.New("http://"+second.Listener.Addr().String()+"/oidc", devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: l.server().String(), Scopes: []string{"mcp:read"}}}})
		if err != nil {
			t.Fatal(err)
		}
		second.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			mu.Lock()
			told += fmt.Sprint(r.URL, r.Header, string(body), "\n")
			mu.Unlock()
			other.ServeHTTP(w, r)
		})
		second.Start()
		t.Cleanup(second.Close)

		s := l.store("")
		change := func(c *oauth.Config) {
			if given {
				c.Identity = grant.Identity{ClientID: "given-at-the-first", ClientSecret: grant.NewSecret("secret-of-the-first")}
			}
		}
		_, h := l.client(s, change)
		l.mustCall(h, "1")
		before, err := s.Load(t.Context(), oauth.Key{Server: l.server().String()})
		if err != nil {
			t.Fatal(err)
		}
		issuer := other.Issuer()
		l.res.issuer.Store(&issuer)
		l.res.revokeSeen()
		l.idp.SetFaults(devidp.Faults{TokenErrors: []string{"invalid_grant"}})
		_, again := l.client(s, change)
		status, _, err := l.call(again, "2")
		if given && (err == nil || !strings.Contains(err.Error(), "belongs to")) || !given && (err != nil || status != http.StatusOK) {
			t.Errorf("given %v: status %d, %v", given, status, err)
		}
		mu.Lock()
		for what, secret := range map[string]string{
			"client": before.Registration.ClientID, "client secret": before.Registration.ClientSecret.Reveal(),
			"refresh token": before.RefreshToken.Reveal(), "access token": before.AccessToken.Reveal(),
		} {
			if secret != "" && strings.Contains(told, secret) {
				t.Errorf("given %v: the second server was told the %s", given, what)
			}
		}
		mu.Unlock()
	}
}

// Endpoints with plain http elsewhere than on this machine are never
// asked. Those that a login needs end it before anything is registered, and are
// named; the others are left out.
func TestPlainHTTPIsRefused(t *testing.T) {
	l := newNetworkLab(t, nil)
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint"} {
		l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{member: "http://provider.example/x"}})
		_, h := l.client(l.store(""), nil)
		if _, _, err := l.call(h, "x"); err == nil || !strings.Contains(err.Error(), member) {
			t.Errorf("%s: %v", member, err)
		}
	}
	if n := l.idp.Stats().Registrations; l.tabs.Load() != 0 || n != 0 {
		t.Errorf("%d opened, %d registrations", l.tabs.Load(), n)
	}
	for _, member := range []string{"revocation_endpoint", "device_authorization_endpoint", "end_session_endpoint"} {
		for _, value := range []any{"http://provider.example/x", "/x", 1, map[string]any{"a": "https://provider.example/x"}, []string{"https://provider.example/x"}} {
			l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{member: value}})
			store := l.store("")
			c, h := l.client(store, nil)
			if _, _, err := l.call(h, "x"); err != nil {
				t.Errorf("%s %v: %v", member, value, err)
			}
			cred, err := c.Credential(t.Context())
			if m := cred.Metadata; err != nil || m.RevocationEndpoint == value || m.DeviceEndpoint == value || m.EndSessionEndpoint == value {
				t.Errorf("%s %v is kept: %v", member, value, err)
			}
			if _, err := c.Logout(t.Context(), false); err != nil { // nothing is sent there
				t.Errorf("%s %v: logout: %v", member, value, err)
			}
		}
	}
}

// Metadata that names the address of a cloud's metadata service is not
// followed: the connection is refused before it is made.
func TestMetadataServiceOfACloudIsNotAsked(t *testing.T) {
	l := newNetworkLab(t, nil)
	for _, endpoint := range []string{"https://169.254.169.254/token", "https://[::ffff:169.254.169.254]/token", "https://[64:ff9b::a9fe:a9fe]/token", "https://[fe80::1]/token"} {
		l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"token_endpoint": endpoint}})
		_, h := l.client(l.store(""), nil)
		if _, _, err := l.call(h, "x"); err == nil || !strings.Contains(err.Error(), "refused to connect") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// Rows 11 and 17 need a server of their own.
func ownServer(t *testing.T, metadata string, login bool) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/.well-known/"):
			asked.Add(1)
			if !login {
				<-r.Context().Done() // it hangs
				return
			}
			_, _ = io.WriteString(w, strings.ReplaceAll(metadata, "BASE", "http://"+r.Host))
		case login && r.Header.Get("Authorization") == "":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(srv.Close)
	return srv, &asked
}

// The resource in the metadata is on another origin, or shares a prefix
// that is no path segment: nobody is asked.
func TestForeignResourceEndsTheLogin(t *testing.T) {
	for _, resource := range []string{"https://evil.example/mcp", "BASE/mc", "BASE/mcpx", "BASE/mcp/more", "BASE/other", "BASE.evil.example/mcp", "http://localhost:1/mcp", ""} {
		l := newNetworkLab(t, nil)
		srv, _ := ownServer(t, `{"resource":"`+resource+`","authorization_servers":["`+l.idp.Issuer()+`"]}`, true)
		server, _ := url.Parse(srv.URL + "/mcp")
		c, _ := l.client(l.store(""), func(c *oauth.Config) {
			c.Server, c.Key.Server, c.HTTP = server, server.String(), discovery.NewGuard(server, nil, nil).HTTPClient()
		})
		wire := &http.Transport{DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: c.Transport(wire)}).Get(server.String())
		if err == nil {
			_ = resp.Body.Close()
		}
		if hint.Of(err) == "" {
			t.Errorf("%q: %v", resource, err)
		}
		if n := l.idp.Stats().Authorizations; n != 0 || l.tabs.Load() != 0 {
			t.Errorf("%q: %d authorization requests", resource, n)
		}
	}
}

// A server that needs no login may have well-known addresses that hang:
// they are not asked.
func TestDiscoveryWaitsForARefusal(t *testing.T) {
	l := newNetworkLab(t, nil)
	srv, asked := ownServer(t, "", false)
	server, _ := url.Parse(srv.URL + "/mcp")
	c, _ := l.client(l.store(""), func(c *oauth.Config) { c.Server, c.Key.Server = server, server.String() })
	resp, err := (&http.Client{Transport: c.Transport(&http.Transport{DisableKeepAlives: true})}).Get(server.String())
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if asked.Load() != 0 {
		t.Errorf("%d requests to well-known addresses", asked.Load())
	}
}
