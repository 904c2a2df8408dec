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

// disturbed runs logins during each of which a stranger knocks first, and counts
// those that succeed.
func disturbed(t *testing.T, logins int, stranger func(p oauth.Prompt, state string)) (succeeded int) {
	t.Helper()
	l := newNetworkLab(t, nil)
	for range logins {
		_, h := l.client(l.store(""), func(c *oauth.Config) {
			show := c.ShowPrompt
			c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) {
				u, err := url.Parse(p.URL)
				if err != nil {
					t.Error(err)
					return
				}
				stranger(p, u.Query().Get("state"))
				show(ctx, p)
			}
		})
		if status, _, err := l.call(h, "x"); err == nil && status == http.StatusOK {
			succeeded++
		}
	}
	if n := l.idp.Stats().CodeExchanges; n != logins {
		t.Errorf("%d codes were sent to the provider in %d logins", n, logins)
	}
	return succeeded
}

// A wrong, empty, absent or doubled state comes first: 400, and the true
// redirect succeeds. 100 of 100 (mcp-remote 0 of 3).
func TestWrongStateChangesNothing(t *testing.T) {
	total := 0
	for _, variant := range []string{"code=stolen&state=wrong", "code=stolen&state=", "code=stolen", "code=stolen&state=STATE&state=STATE"} {
		total += disturbed(t, 25, func(p oauth.Prompt, state string) {
			if status := knock(t, http.MethodGet, p.RedirectURI+"?"+strings.ReplaceAll(variant, "STATE", state), ""); status != http.StatusBadRequest {
				t.Errorf("%s: %d", variant, status)
			}
		})
	}
	if total != 100 {
		t.Errorf("%d of 100 logins", total)
	}
}

// A forged error without the state is ignored. 25 of 25 (mcp-remote 0 of 1).
func TestForgedErrorChangesNothing(t *testing.T) {
	n := disturbed(t, 25, func(p oauth.Prompt, _ string) {
		for _, query := range []string{"error=access_denied", "error=access_denied&state=wrong", "error=server_error&iss=https://evil.example"} {
			if status := knock(t, http.MethodGet, p.RedirectURI+"?"+query, ""); status != http.StatusBadRequest {
				t.Errorf("%s: %d", query, status)
			}
		}
	})
	if n != 25 {
		t.Errorf("%d of 25 logins", n)
	}
}

// Another Host, another method, another path: 403, 405, 404, no code is
// accepted and the login goes on.
func TestOtherRequestsChangeNothing(t *testing.T) {
	n := disturbed(t, 5, func(p oauth.Prompt, state string) {
		query := "?code=stolen&state=" + state
		base := strings.TrimSuffix(p.RedirectURI, "/callback")
		for _, tc := range []struct {
			method, address, host string
			status                int
		}{
			{http.MethodGet, p.RedirectURI + query, "evil.example", http.StatusForbidden},
			{http.MethodGet, p.RedirectURI + query, "127.0.0.1.evil.example:80", http.StatusForbidden},
			{http.MethodPost, p.RedirectURI + query, "", http.StatusMethodNotAllowed},
			{http.MethodHead, p.RedirectURI + query, "", http.StatusMethodNotAllowed},
			{http.MethodGet, base + "/callback/" + query, "", http.StatusNotFound},
			{http.MethodGet, base + "/favicon.ico", "", http.StatusNotFound},
		} {
			if status := knock(t, tc.method, tc.address, tc.host); status != tc.status {
				t.Errorf("%s %s: %d", tc.method, tc.address, status)
			}
		}
	})
	if n != 5 {
		t.Errorf("%d of 5 logins", n)
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
