package secrets

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// canary stands for all secrets; a form spells it otherwise. added is no secret: it is
// what a faulty peer adds.
const (
	canary = "CANARY/0123456789+"
	added  = "SURPLUS-0123456789"
)

// misframings are what a faulty or hostile peer or proxy adds to a good answer.
var misframings = map[string]func(good string) string{
	"twice": func(good string) string { return good + good },
	"more":  func(good string) string { return good + `{"access_token":"` + added + `"}` },
	"head":  func(good string) string { return good + "HTTP/1.1 200 OK\r\nX-Token: " + added + "\r\nX " + added },
	"timeout": func(good string) string {
		// Without a body: net/http may take it for the answer to the next request.
		return good + "HTTP/1.1 408 Request Timeout\r\nX: " + added + "\r\nContent-Length: 0\r\n\r\n"
	},
	"no http": func(string) string { return added + "\r\n\r\n" + added },
	"two sizes": func(good string) string {
		return strings.Replace(good, "Content-Length", "Content-Length: 1"+added+"\r\nContent-Length", 1)
	},
	"chunks": func(good string) string {
		return strings.Replace(good, "Content-Length", "Transfer-Encoding: chunked\r\nX-Length", 1) + added + "\r\n"
	},
	"encoding": func(good string) string {
		return strings.Replace(good, "Content-Length", "Transfer-Encoding: "+added+"\r\nX-Length", 1) + added
	},
	"header": func(good string) string {
		return strings.Replace(good, "Content-Length", "X-Bad "+added+"\r\nContent-Length", 1)
	},
	"cookie": func(good string) string {
		return strings.Replace(good, "Content-Length", "Set-Cookie: a=\""+added+"\x01\"; Domain="+added+"\r\nContent-Length", 1)
	},
}

// misframed are the endpoints that speak so.
var misframed = []string{"/mcp", "/.well-known/oauth-protected-resource", "/.well-known/openid-configuration", "/register", "/token", "/device", "/revoke", "/jwks", "/userinfo", "/introspect"}

// world is a server and its provider, which hand out canaries.
func world(base func() string, spoil string, spoiling func(string) string) answer {
	document := func(members map[string]any) string {
		b, _ := json.Marshal(members)
		return jsonAnswer(string(b))
	}
	return func(r *http.Request, body string) string {
		b := base()
		var said string
		switch path := r.URL.Path; {
		case path == "/mcp" && r.Header.Get("Authorization") == "":
			said = response(401, "WWW-Authenticate: Bearer realm=\""+canary+"\"\r\n", canary)
		case path == "/mcp" && strings.Contains(body, `"initialize"`):
			said = response(200, "Content-Type: application/json\r\nMcp-Session-Id: "+canary+"\r\n", `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}}`)
		case path == "/mcp" && strings.Contains(body, `"tools/list"`):
			said = jsonAnswer(`{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"` + "t" + `","inputSchema":{"type":"object"}}]}}`)
		case path == "/mcp":
			said = response(202, "", "")
		case strings.HasPrefix(path, "/.well-known/oauth-protected-resource"):
			said = document(map[string]any{"resource": b + "/mcp", "authorization_servers": []string{b}})
		case strings.HasPrefix(path, "/.well-known/openid-configuration"):
			said = document(map[string]any{
				"issuer": b, "authorization_endpoint": b + "/authorize", "token_endpoint": b + "/token", "registration_endpoint": b + "/register",
				"revocation_endpoint": b + "/revoke", "device_authorization_endpoint": b + "/device", "jwks_uri": b + "/jwks", "userinfo_endpoint": b + "/userinfo",
				"introspection_endpoint": b + "/introspect", "code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
				"grant_types_supported": []string{"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"}, "x": canary,
			})
		case path == "/register":
			said = document(map[string]any{"client_id": "c", "client_secret": canary, "registration_access_token": canary, "registration_client_uri": b + "/register"})
		case path == "/device":
			said = document(map[string]any{"device_code": canary, "user_code": "ABCD", "verification_uri": b + "/verify", "interval": 1, "expires_in": 60})
		case path == "/token":
			said = document(map[string]any{"access_token": canary, "token_type": "Bearer", "refresh_token": canary, "expires_in": 1})
		case path == "/authorize":
			return callback(r, canary)
		case path == "/jwks":
			said = document(map[string]any{"keys": []any{}, "x": canary})
		case path == "/userinfo":
			said = document(map[string]any{"sub": "s", "email": canary})
		case path == "/introspect":
			said = document(map[string]any{"active": true, "sub": "s", "aud": b + "/mcp", "email": canary})
		case path == "/revoke":
			said = jsonAnswer("{}")
		default:
			said = response(404, "", canary)
		}
		if strings.HasPrefix(r.URL.Path, spoil) {
			return spoiling(said)
		}
		return said
	}
}

// A provider, a server or a proxy that answers twice, or with more than it
// announced, or in no form at all, does not make the program print what it sent:
// net/http's global logger would have.
func TestMisframedAnswersToMCPLogin(t *testing.T) {
	for name, spoil := range misframings {
		endpoints := misframed[:7]
		if surplus(name) { // the answer itself is good, so that all of them can be
			endpoints = []string{"/"}
		}
		for _, endpoint := range endpoints {
			t.Run(strings.Trim(endpoint, "/")+" "+name, func(t *testing.T) {
				t.Parallel()
				if endpoint != endpoints[0] {
					real.Long(t, "three verbs for each endpoint and way of misframing")
				}
				var s *stranger
				s = newStranger(t, world(func() string { return s.url }, endpoint, spoil))
				p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
				for _, args := range [][]string{
					{"login", s.url + "/mcp", "--timeout=10s", "--log-level=debug"},
					{"logout", s.url + "/mcp", "--delete-registration", "--log-level=debug"},
					{"login", s.url + "/mcp", "--device", "--timeout=3s", "--log-level=debug"},
				} {
					_, stderr, _ := p.run(args...)
					if strings.Contains(stderr, canary) || strings.Contains(stderr, added) {
						t.Errorf("%v: stderr holds what a peer sent:\n%s", args, stderr)
					}
				}
				if endpoint != "/" && !strings.Contains(s.heard(), " "+endpoint) {
					t.Errorf("%s was not asked", endpoint)
				}
			})
		}
	}
}

// surplus tells the misframings that begin with a whole good answer.
func surplus(name string) bool {
	return name == "twice" || name == "more" || name == "head" || name == "timeout"
}

// The same of whoami-server, whose peers are a provider and callers.
func TestMisframedAnswersToWhoamiServer(t *testing.T) {
	ways := map[string][]string{
		"/userinfo":                         nil,
		"/introspect":                       {introspecting},
		"/jwks":                             nil,
		"/.well-known/openid-configuration": nil,
	}
	for endpoint, args := range ways {
		for name, spoil := range misframings {
			t.Run(strings.Trim(endpoint, "/")+" "+name, func(t *testing.T) {
				t.Parallel()
				var s *stranger
				s = newStranger(t, world(func() string { return s.url }, endpoint, spoil))
				url, stderr := whoami(t, append(args, "--issuer="+s.url, "--log-level=debug", "--cache-ttl=0")...)
				for range 3 {
					for _, token := range []string{"opaque-" + canary, "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEifQ.eyJpc3MiOiJ4In0.AAAA"} {
						ask(t, url, token)
					}
				}
				if text := stderr(); strings.Contains(text, canary) || strings.Contains(text, added) {
					t.Errorf("stderr holds what a peer sent:\n%s", text)
				}
			})
		}
	}
}

// whoami starts the server; stderr ends it and returns what it wrote.
func whoami(t *testing.T, args ...string) (url string, stderr func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary.Build(t, "whoami-server"), append(args, "--listen=127.0.0.1:0")...)
	if slices.Contains(args, introspecting) {
		cmd.Env = append(cmd.Environ(), "WHOAMI_INTROSPECTION_SECRET="+canary)
	}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	var text strings.Builder
	for url == "" && lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if m := listening.FindString(lines.Text()); m != "" {
			url = m
		}
	}
	if url == "" {
		t.Fatalf("whoami-server does not listen:\n%s", &text)
	}
	return url, func() string {
		cancel()
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
		}
		_ = cmd.Wait()
		return text.String()
	}
}

// introspecting makes it show opaque tokens to the introspection endpoint.
const introspecting = "--introspection-client=me"

var listening = regexp.MustCompile(`http://127\.0\.0\.1:[1-9][0-9]*/mcp`)

func ask(t *testing.T, url, token string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(fmt.Errorf("ask: %w", err))
	}
	_ = resp.Body.Close()
}
