package oauth_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
)

// Rows 1 to 17 of the score-card, on whole logins: client, listener, provider and
// a protected server, over the loopback interface.

// knock sends what a stranger sends to the listener.
func knock(t *testing.T, method, address, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// A stranger knocks first, during each login: with a wrong, empty, absent or doubled
// state (100 of 100 logins succeed; mcp-remote 0 of 3), with a forged error without the
// state (25 of 25; mcp-remote 0 of 1), and with another host, method or path. What he
// sends is refused, no code of his is accepted, and the true redirect succeeds.
func TestStrangersChangeNothing(t *testing.T) {
	type request struct {
		method, path, host string // STATE in the path is the true one
		status             int
	}
	answer := func(query string) request {
		return request{http.MethodGet, "/callback?" + query, "", http.StatusBadRequest}
	}
	const stolen = "/callback?code=stolen&state=STATE"
	for name, tc := range map[string]struct {
		logins   int
		requests []request
	}{
		"wrong state":   {25, []request{answer("code=stolen&state=wrong")}},
		"empty state":   {25, []request{answer("code=stolen&state=")}},
		"no state":      {25, []request{answer("code=stolen")}},
		"doubled state": {25, []request{answer("code=stolen&state=STATE&state=STATE")}},
		"forged error":  {25, []request{answer("error=access_denied"), answer("error=access_denied&state=wrong"), answer("error=server_error&iss=https://evil.example")}},
		"other requests": {5, []request{
			{http.MethodGet, stolen, "evil.example", http.StatusForbidden},
			{http.MethodGet, stolen, "127.0.0.1.evil.example:80", http.StatusForbidden},
			{http.MethodPost, stolen, "", http.StatusMethodNotAllowed},
			{http.MethodHead, stolen, "", http.StatusMethodNotAllowed},
			{http.MethodGet, "/callback/?code=stolen&state=STATE", "", http.StatusNotFound},
			{http.MethodGet, "/favicon.ico", "", http.StatusNotFound},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newNetworkLab(t, nil)
			for range tc.logins {
				_, h := l.client(l.store(""), func(c *oauth.Config) {
					show := c.ShowPrompt
					c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) {
						u, err := url.Parse(p.URL)
						if err != nil {
							t.Error(err)
							return
						}
						for _, r := range tc.requests {
							address := strings.TrimSuffix(p.RedirectURI, "/callback") + strings.ReplaceAll(r.path, "STATE", u.Query().Get("state"))
							if status := knock(t, r.method, address, r.host); status != r.status {
								t.Errorf("%s %s: %d", r.method, address, status)
							}
						}
						show(ctx, p)
					}
				})
				l.mustCall(h, "x")
			}
			if n := l.idp.Stats().CodeExchanges; n != tc.logins {
				t.Errorf("%d codes were sent to the provider in %d logins", n, tc.logins)
			}
		})
	}
}

// The valid redirect comes twice: one is taken, the other refused, one
// token request.
func TestAnswerCountsOnce(t *testing.T) {
	l := newNetworkLab(t, nil)
	answers := make(chan int, 2)
	_, h := l.client(l.store(""), func(c *oauth.Config) {
		c.ShowPrompt = func(_ context.Context, p oauth.Prompt) {
			go func() {
				last := ""
				browser := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if strings.HasPrefix(r.URL.String(), p.RedirectURI) {
						last = r.URL.String()
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
					}
					return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
				})}
				if _, err := devidp.Approve(context.Background(), browser, p.URL, "alice"); err != nil {
					t.Error(err)
				}
				for range 2 {
					go func() { answers <- knock(t, http.MethodGet, last, "") }()
				}
			}()
		}
	})
	l.mustCall(h, "1")
	one, two := <-answers, <-answers
	if one+two != http.StatusOK && one+two != http.StatusOK+http.StatusBadRequest { // 0: the listener had gone
		t.Errorf("%d and %d", one, two)
	}
	if n := l.idp.Stats().TokenRequests["authorization_code"]; n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// hostileEndpoints are 40 addresses that no browser may be sent to.
var hostileEndpoints = []string{
	"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,<script>alert(1)</script>", "file:///etc/passwd", "FILE:///c:/windows/system32/calc.exe",
	"vbscript:msgbox(1)", "ms-settings:", "search-ms:query=x", "smb://evil.example/x", "ftp://evil.example/x", "ssh://evil.example", "tel:0900", "mailto:a@b",
	"http://evil.example/auth", "http://127.0.0.1.evil.example/auth", "http://localhost.evil.example/auth", "http://192.0.2.1/auth", "http://0.0.0.0/auth",
	"//evil.example/auth", "/auth", "auth", "", "-h", "--help", "--new-window https://evil.example", "https://", "https:evil.example/auth", "https:///auth",
	"https://user@evil.example/auth", "https://user:pass@evil.example/auth", "https://evil.example/auth#fragment",
	"https://evil.example/\nauth", "https://evil.example/\rauth", "https://evil.example/\x00auth", "\thttps://evil.example/auth", "https://evil.exa mple/auth",
	"https://evil.example\\@good.example/auth", "https://ev\u0131l.example/auth", "https://evil.example%00.good.example/auth", "https://$(id).example/auth",
	"https://`id`.example/auth", "https://evil;id.example/auth", "https://[::1/auth", "https://evil.example:99999/auth",
}

// A hostile authorization_endpoint is refused before anything is
// registered; nothing is opened.
func TestHostileAuthorizationEndpointIsNotOpened(t *testing.T) {
	if len(hostileEndpoints) < 40 {
		t.Fatal("the table has shrunk")
	}
	l := newNetworkLab(t, nil)
	for _, endpoint := range hostileEndpoints {
		l.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"authorization_endpoint": endpoint}})
		_, h := l.client(l.store(""), nil)
		if _, _, err := l.call(h, "x"); err == nil {
			t.Errorf("%q: a login", endpoint)
		}
		if n := l.tabs.Swap(0); n != 0 {
			t.Errorf("%q: opened", endpoint)
		}
	}
	if n := l.idp.Stats().Registrations; l.tabs.Load() != 0 || n != 0 {
		t.Errorf("%d opened, %d registrations", l.tabs.Load(), n)
	}
}

// The port of the registered redirect URI is taken by a stranger: the
// login goes to another port, with a redirect URI that says so, and the stranger
// hears nothing. Nothing is shown before the port is ours.
func TestTakenPortIsNotWaitedFor(t *testing.T) {
	l := newNetworkLab(t, nil)
	s := l.store("")
	var port int
	_, h := l.client(s, func(c *oauth.Config) {
		show := c.ShowPrompt
		c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) {
			u, _ := url.Parse(p.RedirectURI)
			_, _ = fmt.Sscan(u.Port(), &port)
			show(ctx, p)
		}
	})
	l.mustCall(h, "1")
	var heard atomic.Int64
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Skip("the port was taken by somebody else:", err)
	}
	stranger := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) })}}
	stranger.Start()
	defer stranger.Close()
	l.res.revokeSeen()
	l.idp.SetFaults(devidp.Faults{TokenErrors: []string{"invalid_grant"}})
	bound := false
	_, again := l.client(s, func(c *oauth.Config) {
		listen, show := c.Listen, c.ShowPrompt
		c.Listen = func(ctx context.Context, issuer, _ string, port int) (oauth.Redirect, error) {
			bound = true
			return listen(ctx, issuer, "", port)
		}
		c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) {
			u, _ := url.Parse(p.URL)
			if !bound || u.Query().Get("redirect_uri") != p.RedirectURI || strings.Contains(p.RedirectURI, fmt.Sprintf(":%d/", port)) {
				t.Errorf("bound %v, redirect URI %s", bound, p.RedirectURI)
			}
			show(ctx, p)
		}
	})
	l.mustCall(again, "2")
	if heard.Load() != 0 || l.tabs.Load() != 2 {
		t.Errorf("the stranger heard %d requests; %d tabs", heard.Load(), l.tabs.Load())
	}
}

// Wherever localhost leads, the redirect is to a literal address, and one
// to the name is taken at both. 10 of 10.
func TestLocalhostByIPv6(t *testing.T) {
	l := newNetworkLab(t, nil)
	for range 10 {
		_, h := l.client(l.store(""), func(c *oauth.Config) {
			show := c.ShowPrompt
			c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) {
				if !strings.HasPrefix(p.RedirectURI, "http://127.0.0.1:") {
					t.Error(p.RedirectURI)
				}
				show(ctx, p)
			}
		})
		l.mustCall(h, "x")
	}
	named, err := loopback.Listen(t.Context(), loopback.Options{Host: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	u, _ := url.Parse(named.URI())
	for _, ip := range []string{"127.0.0.1", "[::1]"} {
		if probe, err := net.Listen("tcp", ip+":0"); err != nil {
			continue // a machine without IPv6
		} else {
			_ = probe.Close()
		}
		if status := knock(t, http.MethodGet, "http://"+ip+":"+u.Port()+u.Path, u.Host); status != http.StatusBadRequest {
			t.Errorf("%s: %d", ip, status)
		}
	}
}

// Six answers whose issuer is not the right one, good and bad news alike:
// the login ends before any token request, and of bad news nothing is shown.
func TestIssuerOfAnAnswerIsCompared(t *testing.T) {
	for name, tc := range map[string]struct {
		faults func(issuer string) devidp.Faults
		who    string
	}{
		"missing": {func(string) devidp.Faults { return devidp.Faults{RedirectParameters: map[string]string{"iss": ""}} }, "alice"},
		"wrong": {func(string) devidp.Faults {
			return devidp.Faults{RedirectParameters: map[string]string{"iss": "https://evil.example"}}
		}, "alice"},
		"normalized": {func(i string) devidp.Faults {
			return devidp.Faults{RedirectParameters: map[string]string{"iss": i + "/"}}
		}, "alice"},
		"in capitals": {func(i string) devidp.Faults {
			return devidp.Faults{RedirectParameters: map[string]string{"iss": strings.ToUpper(i)}}
		}, "alice"},
		"an error from elsewhere": {func(string) devidp.Faults {
			return devidp.Faults{RedirectParameters: map[string]string{"iss": "https://evil.example"}}
		}, ""},
		"an error from nowhere": {func(string) devidp.Faults { return devidp.Faults{RedirectParameters: map[string]string{"iss": ""}} }, ""},
	} {
		l := newNetworkLab(t, nil)
		l.who = tc.who
		l.idp.SetFaults(tc.faults(l.idp.Issuer()))
		_, h := l.client(l.store(""), nil)
		_, _, err := l.call(h, "x")
		if err == nil || !strings.Contains(err.Error(), "issuer") || strings.Contains(err.Error(), "access_denied") {
			t.Errorf("%s: %v", name, err)
		}
		if n := l.idp.Stats().TokenRequests["authorization_code"]; n != 0 {
			t.Errorf("%s: %d token requests", name, n)
		}
	}
}
