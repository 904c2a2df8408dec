package deploy

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// fronts are the configurations in deploy/forward-auth that can be run here, with plain HTTP:
// server is whoami-server's address, upstream that of the server behind the proxy.
var fronts = map[string]func(t *testing.T, server, upstream string) *real.Service{
	"nginx": func(t *testing.T, server, upstream string) *real.Service {
		t.Helper()
		site := read(t, "forward-auth/nginx.conf")
		site, _, _ = strings.Cut(site, "\nserver {\n    listen 80;")
		var lines []string
		for line := range strings.Lines(site) {
			if !strings.Contains(line, " ssl_") {
				lines = append(lines, line)
			}
		}
		site = strings.NewReplacer("listen 443 ssl;", "listen %s;", "127.0.0.1:3001", server, "127.0.0.1:8000", upstream).Replace(strings.Join(lines, ""))
		return real.Nginx(t, "events {}\nhttp {\naccess_log off;\n"+site+"}\n")
	},
	"Caddy": func(t *testing.T, server, upstream string) *real.Service {
		t.Helper()
		return real.Caddy(t, strings.NewReplacer("mcp.example.com {", ":%s {", "127.0.0.1:3001", server, "127.0.0.1:8000", upstream).
			Replace(read(t, "forward-auth/Caddyfile")))
	},
}

// behind is a proxy that asks whoami-server, before a server of the test.
type behind struct {
	issuer   *issuer.Issuer
	proxy    *real.Service
	resource string
}

const publicName = "mcp.example.com"

func putBehind(t *testing.T, front string, upstream http.HandlerFunc, options ...string) *behind {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	b := &behind{issuer: issuer.Start(t), resource: "https://" + publicName + "/mcp"}
	server := real.FreeAddress(t)
	runs(t, append([]string{
		"--forward-auth", "--issuer", b.issuer.URL, "--resource", b.resource, "--listen", server, "--trusted-proxy", "127.0.0.1",
		"--allow-host", "127.0.0.1",
	}, options...))
	b.proxy = fronts[front](t, server, up.Listener.Addr().String())
	return b
}

// send sends a request as it is written here, with one Authorization header if there is a token.
func (b *behind) send(t *testing.T, method, path, token string, lines ...string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", b.proxy.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	request := method + " " + path + " HTTP/1.1\r\nHost: " + publicName + "\r\nContent-Length: 2\r\n"
	if token != "" {
		request += "Authorization: Bearer " + token + "\r\n"
	}
	for _, line := range lines {
		request += line + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n{}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Whatever a client sends, the server behind the proxy is told who calls by whoami-server
// alone, under every spelling that it could read, and never sees the token.
func TestForwardAuthTellsWhoCalls(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			seen := make(chan http.Header, 1)
			b := putBehind(t, front, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })
			token := b.issuer.Token(t, "alice", b.resource)
			for _, lines := range [][]string{
				nil,
				{"X-Forwarded-User: mallory"},
				{"x-forwarded-USER: mallory", "X-Forwarded-User: mallory"},
				{"X_Forwarded_User: mallory"},
				{"X-Forwarded_User: mallory"},
				{"HTTP_X_FORWARDED_USER: mallory"},
				{"X-Forwarded-Issuer: mallory"},
				{"X_Forwarded_Issuer: mallory"},
				{"X-Forwarded-Email: mallory"},
				{"Remote-User: mallory"},
				{"X-Remote-User: mallory"},
				{"Remote_User: mallory"},
				{"Forwarded: for=mallory"},
				{"Connection: X-Forwarded-User, X-Forwarded-Issuer"},
				{"Connection: close, Authorization"},
				{"X-Forwarded-Uri: /sse?a=mallory"},
				{"X-Original-URI: /mallory"},
				{"X-Forwarded-Host: mallory"},
				{"X-Forwarded-For: mallory"},
				{"Cookie: a=mallory"},
				{"Proxy-Authorization: Basic mallory"},
				{"X-Auth-Request-User: mallory"},
			} {
				resp, body := b.send(t, http.MethodPost, "/mcp", token, lines...)
				if resp.StatusCode == http.StatusUnauthorized && slices.Contains(lines, "Connection: close, Authorization") {
					continue // the client has taken its own token away
				}
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%q: %s %s", lines, resp.Status, body)
					continue
				}
				if len(seen) == 0 {
					t.Errorf("%q: it did not arrive", lines)
					continue
				}
				got := <-seen
				for name, want := range map[string]string{"X-Forwarded-User": "alice", "X-Forwarded-Issuer": b.issuer.URL} {
					if values := got[name]; len(values) != 1 || values[0] != want {
						t.Errorf("%q: %s is %q", lines, name, values)
					}
				}
				for name, values := range got {
					if said := strings.Join(values, " "); strings.Contains(said, "mallory") || strings.Contains(said, token) {
						t.Errorf("%q: the server is told %s: %s", lines, name, said)
					}
				}
			}
		})
	}
}

// Where the token lacks a claim, the client's own header does not take its place.
func TestForwardAuthLeavesNothingInPlaceOfAClaim(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			seen := make(chan http.Header, 1)
			// The issuer's tokens have no such claim.
			b := putBehind(t, front, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }, "--identity-header", "X-Forwarded-User=email")
			resp, body := b.send(t, http.MethodPost, "/mcp", b.issuer.Token(t, "alice", b.resource), "X-Forwarded-User: mallory", "X_Forwarded_User: mallory")
			if resp.StatusCode != http.StatusOK || len(seen) == 0 {
				t.Fatalf("it did not arrive: %s %s", resp.Status, body)
			}
			for name, values := range <-seen {
				if strings.Contains(strings.Join(values, " "), "mallory") || name == "X-Forwarded-User" && values[0] != "" { // Caddy says that there is none
					t.Errorf("%s: %q", name, values)
				}
			}
		})
	}
}

// A client gets the answer that whoami-server gives, with what it acts on: the challenge or
// the time to come back. None of these requests reaches the server behind the proxy.
func TestForwardAuthRefuses(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			b := putBehind(t, front, func(http.ResponseWriter, *http.Request) { t.Error("a request passed") },
				"--required-scope", "notes")
			prm := `resource_metadata="https://` + publicName + `/.well-known/oauth-protected-resource/mcp"`
			for _, tt := range []struct {
				what, method, path, token string
				lines                     []string
				status                    int
				header, value             string
			}{
				{"no token", "POST", "/mcp", "", nil, 401, "Www-Authenticate", prm},
				{"no token for HTTP+SSE", "GET", "/sse", "", nil, 401, "Www-Authenticate", "oauth-protected-resource/sse"},
				{"no token for its messages", "POST", "/messages?sessionId=1", "", nil, 401, "Www-Authenticate", "oauth-protected-resource/sse"},
				{"bad token", "POST", "/mcp", "e30.e30.e30", nil, 401, "Www-Authenticate", `error="invalid_token"`},
				{"another's token", "POST", "/mcp", b.issuer.Token(t, "alice", "https://other.example.com/mcp"), nil, 401, "Www-Authenticate", `error="invalid_token"`},
				{"without the scope", "POST", "/mcp", b.issuer.Token(t, "alice", b.resource), nil, 403, "Www-Authenticate", `error="insufficient_scope"`},
				{"malformed", "POST", "/mcp", "", []string{"Authorization: Bearer a b"}, 400, "Www-Authenticate", `error="invalid_request"`},
				{"token in the query", "POST", "/mcp?access_token=x", "", nil, 400, "Www-Authenticate", `error="invalid_request"`},
				{"a preflight", "OPTIONS", "/mcp", "", []string{"Origin: http://127.0.0.1", "Access-Control-Request-Method: POST"}, 401, "Www-Authenticate", prm},
				{"what only the proxy asks", "GET", "/forward-auth", b.issuer.Token(t, "alice", b.resource), nil, 404, "", ""},
				{"the same in other spellings", "GET", "//%66orward-auth", b.issuer.Token(t, "alice", b.resource), nil, 404, "", ""},
				{"that of another resource", "GET", "/notes/forward-auth", b.issuer.Token(t, "alice", b.resource), nil, 404, "", ""},
				{"a page of elsewhere", "POST", "/mcp", "", []string{"Origin: https://elsewhere.example.com"}, 403, "", ""},
			} {
				resp, body := b.send(t, tt.method, tt.path, tt.token, tt.lines...)
				if values := resp.Header[tt.header]; resp.StatusCode != tt.status || tt.header != "" && (len(values) != 1 || !strings.Contains(values[0], tt.value)) {
					t.Errorf("%s: %s %q\n%s", tt.what, resp.Status, resp.Header, body)
				}
			}
		})
	}
}

// While whoami-server is down no request passes, and nobody is sent to sign in again.
func TestForwardAuthIsDown(t *testing.T) {
	for front, want := range map[string]struct {
		status int
		pause  string
	}{"nginx": {503, "5"}, "Caddy": {502, ""}} {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			b := &behind{proxy: fronts[front](t, real.FreeAddress(t), real.FreeAddress(t))}
			resp, body := b.send(t, http.MethodPost, "/mcp", "a-token")
			if resp.StatusCode != want.status || resp.Header.Get("Retry-After") != want.pause || resp.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s %q %s", resp.Status, resp.Header, body)
			}
		})
	}
}

// A server of HTTP+SSE behind each proxy: its stream and the messages posted to it pass.
func TestForwardAuthCarriesHTTPSSE(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			peer := exec.Command(real.NodeModules(t).Path, "../interop/peers/server-v1.mjs", "sse")
			if _, err := peer.StdinPipe(); err != nil { // it ends with its stdin
				t.Fatal(err)
			}
			server, upstream := real.FreeAddress(t), printedAddress(t, peer)
			resource := "http://" + fronts[front](t, server, upstream).Address + "/mcp"
			runs(t, []string{"--dev", "--forward-auth", "--resource", resource, "--listen", server, "--dev-listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"})
			if said := callAs(t, "alice", t.TempDir(), resource, "progress"); !strings.Contains(said, "done") {
				t.Error(said)
			}
		})
	}
}

// Only a proxy that is trusted may ask, by GET, about the resource whose address it uses; and
// there is no MCP beside it.
func TestForwardAuthIsForProxies(t *testing.T) {
	i := issuer.Start(t)
	const a, b, root = "https://mcp.example.com/a/mcp", "https://mcp.example.com/b/mcp", "https://mcp.example.com/mcp"
	more := " " + root
	ask := func(t *testing.T, proxy, method, path, uri, resource string) (int, *binary.Output) {
		t.Helper()
		server := real.FreeAddress(t)
		log := runs(t, []string{
			"--forward-auth", "--issuer", i.URL, "--resource", a + " " + b + more,
			"--listen", server, "--trusted-proxy", proxy,
		})
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+server+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = publicName
		req.Header.Set("X-Forwarded-Uri", uri)
		if resource != "" {
			req.Header.Set("Authorization", "Bearer "+i.Token(t, "alice", resource))
		} else {
			req.Header.Set("Origin", "http://127.0.0.1")
			req.Header.Set("Access-Control-Request-Method", "POST")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, log
	}
	for _, tt := range []struct {
		proxy, method, path, uri, resource string
		status                             int
		reason                             string
	}{
		{"127.0.0.1", "GET", "/a/forward-auth", "/a/mcp", a, 204, ""},
		{"127.0.0.1", "GET", "/b/forward-auth", "/b/mcp", b, 204, ""},
		{"127.0.0.1", "GET", "/forward-auth", "/mcp", root, 204, ""},
		{"127.0.0.1", "GET", "/b/forward-auth", "/b/mcp", a, 401, "another audience"},
		// A token for one of them opens no other, wherever the proxy asks.
		{"127.0.0.1", "GET", "/forward-auth", "/a/mcp", root, 403, "ask about it at /a/forward-auth"},
		{"127.0.0.1", "GET", "/a/forward-auth", "/b/mcp", a, 403, "ask about it at /b/forward-auth"},
		{"127.0.0.1", "GET", "/a/forward-auth", "/b/%6dcp?a=/a/mcp", a, 403, "ask about it at /b/forward-auth"},
		{"127.0.0.1", "GET", "/a/forward-auth", "/a/../b/mcp", a, 403, "ask about it at /b/forward-auth"},
		{"127.0.0.1", "GET", "/a/forward-auth", "/a/%2e%2e/mcp", a, 403, "ask about it at /forward-auth"},
		{"192.0.2.1", "GET", "/a/forward-auth", "/a/mcp", a, 403, "127.0.0.1 is not in --trusted-proxy"},
		{"127.0.0.1", "OPTIONS", "/a/forward-auth", "/a/mcp", "", 405, ""}, // a preflight would pass without a token
		{"127.0.0.1", "POST", "/a/forward-auth", "/a/mcp", a, 405, ""},
		{"127.0.0.1", "POST", "/a/mcp", "/a/mcp", a, 404, ""},
		{"127.0.0.1", "GET", "/a/sse", "/a/mcp", a, 404, ""},
		{"127.0.0.1", "GET", "/.well-known/oauth-protected-resource/a/mcp", "/a/mcp", "", 200, ""},
	} {
		got, log := ask(t, tt.proxy, tt.method, tt.path, tt.uri, tt.resource)
		if got != tt.status {
			t.Errorf("%+v: %d\n%s", tt, got, log)
		}
		log.Await(t, regexp.QuoteMeta(tt.reason))
	}
	more = "" // no resource asks at /forward-auth then
	if got, log := ask(t, "127.0.0.1", "GET", "/forward-auth", "/b/mcp", a); got != 403 {
		t.Errorf("asked where no resource is: %d\n%s", got, log)
	}
}

// What the server behind the proxy refuses, or where it leads, does not reach a client, which
// would sign in anew or take its token there; nor do cookies.
func TestForwardAuthKeepsChallengesOfTheServer(t *testing.T) {
	challenges := []string{"WWW-Authenticate", "Proxy-Authenticate"}
	upstream500 := map[string]int{"nginx": 502, "Caddy": 500} // nginx says 500 of whoami-server's refusals as well
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			b := putBehind(t, front, func(w http.ResponseWriter, r *http.Request) {
				for _, name := range challenges {
					w.Header().Add(name, "Bearer mallory")
					w.Header().Add(name, `Basic realm="mallory"`)
				}
				w.Header().Set("Location", "https://mallory.example.com/")
				w.Header().Set("Set-Cookie", "a=mallory")
				status, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
				w.WriteHeader(status)
			})
			for status, want := range map[int]int{
				300: 502, 301: 502, 302: 502, 303: 502, 307: 502, 308: 502, 401: 502, 403: 502, 407: 502, 500: upstream500[front], 200: 200, 404: 404, 202: 202,
			} {
				resp, _ := b.send(t, http.MethodPost, "/mcp", b.issuer.Token(t, "alice", b.resource), "Last-Event-ID: "+strconv.Itoa(status))
				if said := fmt.Sprint(resp.Header); resp.StatusCode != want || strings.Contains(said, "a=mallory") || strings.Contains(said, "Authenticate") ||
					want == 502 && strings.Contains(said, "mallory") {
					t.Errorf("%d: %s %q", status, resp.Status, resp.Header)
				}
			}
		})
	}
}

// A client that is to come back later learns when, from each proxy as from whoami-server.
func TestForwardAuthSaysWhenToComeBack(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			const down = "http://127.0.0.1:9" // an issuer that cannot be asked
			idp := issuer.Start(t)
			b := putBehind(t, front, func(http.ResponseWriter, *http.Request) {}, "--issuer", idp.URL+" "+down, "--rate-per-subject", "0.01")
			alice := idp.Token(t, "alice", b.resource)
			parts := strings.Split(alice, ".")
			claims, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(claims), idp.URL, down)))
			for _, tt := range []struct {
				token  string
				status int
			}{{alice, 200}, {alice, 429}, {strings.Join(parts, "."), 503}, {"opaque", 401}} {
				resp, body := b.send(t, http.MethodPost, "/mcp", tt.token)
				pause, err := strconv.Atoi(resp.Header.Get("Retry-After"))
				if resp.StatusCode != tt.status || tt.status > 401 && (err != nil || pause < 1 || resp.Header.Get("WWW-Authenticate") != "") {
					t.Errorf("%d: %s %q\n%s", tt.status, resp.Status, resp.Header, body)
				}
			}
		})
	}
}

// Events arrive one by one: the second is sent when the first was read, also where a server
// writes them without chunks, as those of HTTP/1.0 do, which nginx would hold back.
func TestForwardAuthHoldsNoEventBack(t *testing.T) {
	for front := range fronts {
		for how, head := range map[string]string{
			"chunks":    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
			"no chunks": "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
		} {
			t.Run(front+" "+how, func(t *testing.T) {
				t.Parallel()
				event := "data: {}\n\n"
				if how == "chunks" {
					event = "a\r\n" + event + "\r\n"
				}
				eventsOneByOne(t, front, head, event)
			})
		}
	}
}

func eventsOneByOne(t *testing.T, front, head, event string) {
	t.Helper()
	read := make(chan bool)
	b := putBehind(t, front, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, head)
		for range 3 {
			_, _ = io.WriteString(c, event)
			select {
			case <-read:
			case <-t.Context().Done():
				return
			}
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.proxy.Address+"/mcp", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = publicName
	req.Header.Set("Authorization", "Bearer "+b.issuer.Token(t, "alice", b.resource))
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for n := range 3 {
		if !lines.Scan() || lines.Text() != "data: {}" || !lines.Scan() {
			t.Fatalf("%s, event %d: %q, %v", resp.Status, n, lines.Text(), lines.Err())
		}
		read <- true
	}
}

// A server of the TypeScript SDK behind each proxy: people sign in with mcp-login, which
// knows the address alone, and each has notes of their own.
func TestForwardAuthSignsPeopleIn(t *testing.T) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			server, upstream := real.FreeAddress(t), notes(t)
			proxy := fronts[front](t, server, upstream)
			resource := "http://" + proxy.Address + "/mcp"
			runs(t, []string{"--dev", "--forward-auth", "--resource", resource, "--listen", server, "--dev-listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"})
			keepNotes(t, resource)
		})
	}
}

// A bound token passes with a proof for the request that the proxy has got, whatever the client says
// that this is; the proof stays behind, and a nonce that is needed reaches the client.
func TestForwardAuthTakesProofs(t *testing.T) {
	for front := range fronts {
		for use, schemes := range map[string][]string{"accept": {"bearer", "dpop"}, "require": {"dpop"}} {
			t.Run(front+" "+use, func(t *testing.T) {
				t.Parallel()
				forwardAuthTakesProofs(t, front, use, schemes)
			})
		}
	}
}

func forwardAuthTakesProofs(t *testing.T, front, use string, schemes []string) {
	t.Helper()
	seen := make(chan http.Header, 1)
	b := putBehind(t, front, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }, "--dpop", use)
	resp, _ := b.send(t, http.MethodPost, "/mcp", "")
	if challenges := issuer.Challenges(t, resp); resp.StatusCode != http.StatusUnauthorized || !slices.Equal(slices.Sorted(maps.Keys(challenges)), schemes) {
		t.Errorf("without a token: %s %v", resp.Status, challenges)
	}
	alice := b.issuer.Bind(t, issuer.Change{Claims: map[string]any{"aud": b.resource}})
	shows := func(proof string, lines ...string) (*http.Response, string) {
		return b.send(t, http.MethodPost, "/mcp?a=b", "", append(lines, "Authorization: DPoP "+alice.Token, "DPoP: "+proof)...)
	}
	wrong := time.Now().Add(-time.Hour) // the client's clock
	resp, _ = shows(alice.ProofAt(t, wrong, "POST", b.resource, ""))
	nonce := resp.Header.Get("DPoP-Nonce")
	if resp.StatusCode != http.StatusUnauthorized || nonce == "" || !strings.Contains(resp.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
		t.Fatalf("a wrong clock: %s %v", resp.Status, resp.Header)
	}
	good := alice.Proof(t, "POST", b.resource, nonce)
	if resp, body := shows(good); resp.StatusCode != http.StatusOK || len(seen) == 0 {
		t.Fatalf("a good proof: %s %s", resp.Status, body)
	}
	for name, values := range <-seen {
		if said := strings.Join(values, " "); strings.Contains(said, good) || strings.Contains(said, alice.Token) {
			t.Errorf("the server is told %s", name)
		}
	}
	for what, resp := range map[string]func() (*http.Response, string){
		"used already": func() (*http.Response, string) { return shows(good) },
		"for GET, which the client says it is": func() (*http.Response, string) {
			return shows(alice.Proof(t, "GET", b.resource, nonce), "X-Forwarded-Method: GET")
		},
		"for another address, which it says": func() (*http.Response, string) {
			return shows(alice.Proof(t, "POST", "https://"+publicName+"/sse", nonce), "X-Forwarded-Uri: /sse")
		},
		"for a preflight": func() (*http.Response, string) {
			return shows(alice.Proof(t, "OPTIONS", b.resource, nonce), "X-Forwarded-Method: OPTIONS", "Origin: http://127.0.0.1", "Access-Control-Request-Method: POST")
		},
	} {
		if resp, _ := resp(); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `DPoP`) {
			t.Errorf("%s: %s %v", what, resp.Status, resp.Header)
		}
	}
	if resp, body := shows(alice.ProofAt(t, wrong, "POST", b.resource, nonce)); resp.StatusCode != http.StatusOK {
		t.Errorf("with the nonce: %s %s", resp.Status, body)
	}
}
