package oauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
)

// counting counts the bytes of answers that a server could get rid of. It gives
// up in time: a client that reads everything is to fail a test, not a machine.
type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

const (
	mostSent   = 128 << 20
	mostZipped = 128 << 10 // of what unpacks to a thousand times as much
)

func (c counting) Write(b []byte) (int, error) {
	limit := int64(mostSent)
	if c.Header().Get("Content-Encoding") != "" {
		limit = mostZipped
	}
	if c.bytes.Load() > limit {
		return 0, errors.New("that is enough")
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// Unwrap lets http.ResponseController find the rest.
func (c counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// 1 GiB, a body without end, 1 GiB in gzip and ten thousand
// arrays in one another, at each endpoint. Each ends the login with an error,
// and the provider gets rid of no more than a connection holds on its way (of
// gzip: no more is unpacked).
func TestHugeAnswersAreNotRead(t *testing.T) {
	const onTheWay = 32 << 20 // socket buffers on both sides, of 1 GiB
	for answer := range hostileAnswers {
		for name, tc := range map[string]struct {
			endpoint string
			device   oauth.DevicePolicy
			signedIn bool
		}{
			"metadata":     {endpoint: "GET /.well-known/openid-configuration"},
			"registration": {endpoint: "POST /reg"},
			"token":        {endpoint: "POST /token"},
			"refresh":      {endpoint: "POST /token", signedIn: true},
			"device":       {endpoint: "POST /device/auth", device: oauth.DeviceAlways},
		} {
			t.Run(answer+" "+name, func(t *testing.T) {
				var sent atomic.Int64
				l := newNetworkLabBehind(t, nil, func(provider http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(counting{w, &sent}, r) })
				})
				s := l.store("")
				_, h := l.client(s, func(c *oauth.Config) { c.Device = tc.device })
				if tc.signedIn {
					l.mustCall(h, "1")
					l.res.revokeSeen()
				}
				tabs := l.tabs.Load()
				sent.Store(0)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				l.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{tc.endpoint: hostile(answer)}})
				if _, _, err := l.call(h, "2"); err == nil {
					t.Error("that was a login")
				}
				runtime.ReadMemStats(&after)
				if n, held := sent.Load(), after.TotalAlloc-before.TotalAlloc; n > onTheWay || held > 2*onTheWay { // the latter for what gzip unpacks to
					t.Errorf("%d MiB were read, %d MiB allocated", n>>20, held>>20)
				}
				if l.tabs.Load() > tabs+1 || l.res.answered.Load() > 1 {
					t.Errorf("%d more tabs", l.tabs.Load()-tabs)
				}
			})
		}
	}
}

// The MCP server's own metadata is read no further either.
func TestHugeResourceMetadataIsNotRead(t *testing.T) {
	var sent atomic.Int64
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+server.URL+`/metadata"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		chunk := []byte(strings.Repeat("x", 1<<20))
		for r.Context().Err() == nil {
			if _, err := (counting{w, &sent}).Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	l := &lab{t: t, res: &resource{url: server.URL}}
	_, h := l.client(l.store(""), nil)
	if _, _, err := l.call(h, "1"); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
	if n := sent.Load(); n > 32<<20 || l.tabs.Load() != 0 {
		t.Errorf("%d MiB were read, %d tabs", n>>20, l.tabs.Load())
	}
}

// replace lets answer take the place of a host at a path.
func (b *lab) replace(host, path string, answer http.HandlerFunc) {
	b.wire.before(host, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			answer(w, r)
		}
		return r.URL.Path == path
	})
}

// says answers with a document.
func says(status int, doc string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, doc)
	}
}

// Metadata that redirects ten thousand times is given up after three, at
// the provider and at the MCP server.
func TestMetadataRedirectsAreBounded(t *testing.T) {
	inBubble(func(c *devidp.Config) {
		c.Faults.Endpoints = map[string]http.HandlerFunc{"GET /.well-known/openid-configuration": redirectsOn}
	}, func(t *testing.T, b *lab) {
		_, h := b.client(b.store(""), nil)
		if _, _, err := b.call(h, "1"); err == nil || !strings.Contains(err.Error(), "too many redirects") {
			t.Errorf("%v", err)
		}
		if n := len(b.wire.times("GET /oidc/.well-known/openid-configuration")); n != 4 || b.tabs.Load() != 0 || b.idp.Stats().Registrations != 0 {
			t.Errorf("asked %d times, %d tabs", n, b.tabs.Load())
		}
	})(t)
	inBubble(nil, func(t *testing.T, b *lab) {
		asked := 0
		b.wire.hosts[bubbleServer] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/mcp" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			asked++
			http.Redirect(w, r, "/"+strconv.Itoa(asked), http.StatusFound)
		})
		_, h := b.client(b.store(""), nil)
		if _, _, err := b.call(h, "1"); err == nil || asked != 2*4 { // at both well-known addresses
			t.Errorf("asked %d times: %v", asked, err)
		}
	})(t)
}

// Metadata does not go from https to http, not even to this machine.
func TestMetadataRedirectToHTTP(t *testing.T) {
	for _, target := range []string{"http://127.0.0.1:9666/x", "http://as.example/x", "file:///etc/passwd", "//", "https://user@as.example/x", "ftp://as.example/x"} {
		inBubble(nil, func(t *testing.T, b *lab) {
			stranger := 0
			b.wire.hosts["127.0.0.1:9666"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stranger++ })
			b.wire.hosts["as.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/x" {
					stranger++
				}
				w.Header().Set("Location", target)
				w.WriteHeader(http.StatusFound)
			})
			b.wire.hosts["mcp.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/mcp" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.WriteString(w, `{"resource":"https://mcp.example/mcp","authorization_servers":["https://as.example"]}`)
			})
			_, h := b.client(b.store(""), func(c *oauth.Config) {
				c.Server = &url.URL{Scheme: "https", Host: "mcp.example", Path: "/mcp"}
				c.Key.Server = c.Server.String()
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://mcp.example/mcp", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := h.Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if err == nil || stranger != 0 || b.tabs.Load() != 0 {
				t.Errorf("%s: asked %d times: %v", target, stranger, err)
			}
		})(t)
	}
}

// Whatever code a provider redirects with, nothing that is
// posted to it goes anywhere else, and it is posted once.
func TestPostsAreNeverRedirected(t *testing.T) {
	for name, tc := range map[string]struct {
		path   string
		device oauth.DevicePolicy
		after  bool // after a login
	}{
		"registration": {"/oidc/reg", oauth.DeviceNever, false},
		"code":         {"/oidc/token", oauth.DeviceNever, false},
		"refresh":      {"/oidc/token", oauth.DeviceNever, true},
		"device":       {"/oidc/device/auth", oauth.DeviceAlways, false},
		"device token": {"/oidc/token", oauth.DeviceAlways, false},
		"revocation":   {"/oidc/token/revocation", oauth.DeviceNever, true},
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(name, code), inBubble(nil, func(t *testing.T, b *lab) {
				b.device = tc.device
				stranger := 0
				b.wire.hosts["127.0.0.1:9666"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stranger++ })
				c, h := b.client(b.store(""), func(c *oauth.Config) {
					if tc.after { // nobody is there for another login
						c.StillWanted = func() bool { return b.tabs.Load() < 2 }
					}
				})
				if tc.after {
					b.mustCall(h, "1")
					b.res.revokeSeen()
				}
				before := len(b.wire.times("POST " + tc.path))
				b.replace(bubbleProvider, tc.path, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "http://127.0.0.1:9666/", code)
				})
				var err error
				if name == "revocation" {
					_, err = c.Logout(t.Context(), false)
				} else {
					_, _, err = b.call(h, "2")
				}
				if err == nil || stranger != 0 {
					t.Errorf("the stranger was asked %d times: %v", stranger, err)
				}
				// After a refresh that failed the next login posts a code.
				if n := len(b.wire.times("POST "+tc.path)) - before; n < 1 || n > 2 || n == 2 && name != "refresh" {
					t.Errorf("posted %d times", n)
				}
			}))
		}
	}
}
