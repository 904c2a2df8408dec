package canary

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" // as mcp-remote names its files
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// shown fails where a canary never got as far as a person: such a test would hold
// whatever the filter does.
func shown(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("the canary never came: %q", text)
	}
}

// Members of documents and answers, each in its turn, those that are added
// later as well.
func TestCanaryInEveryMember(t *testing.T) {
	for _, place := range []struct {
		file, of string
		put      func(l *lab, name string, value any)
		verbs    [][]string
	}{
		{"internal/oauth/discovery/resource.go", "ResourceMetadata", func(l *lab, name string, value any) { l.resource[name] = value }, [][]string{{"login"}, {"login", "--json"}, {"doctor"}}},
		{"internal/oauth/discovery/server.go", "ServerMetadata", func(l *lab, name string, value any) { l.faults.MetadataMembers = map[string]any{name: value} }, [][]string{{"login", "--timeout", "1s"}, {"doctor", "--json"}, {"status"}, {"logout", "--end-session"}}},
		{"internal/oauth/grant/registration.go", "parseRegistration", func(l *lab, name string, value any) { l.faults.RegistrationMembers = map[string]any{name: value} }, [][]string{{"login", "--timeout", "1s"}, {"status"}, {"logout", "--delete-registration"}}},
		{"internal/oauth/grant/token.go", "token", func(l *lab, name string, value any) { l.faults.TokenMembers = map[string]any{name: value} }, [][]string{{"login"}, {"login", "--json"}, {"status"}, {"status", "--json"}, {"token"}, {"token", "--json"}, {"logout"}}},
		{"internal/oauth/grant/device.go", "device", func(l *lab, name string, value any) { l.faults.DeviceMembers = map[string]any{name: value} }, [][]string{{"login", "--device", "--timeout", "3s"}}},
	} {
		for _, m := range members(t, place.file, place.of) {
			for kind, text := range map[string]string{"text": canary, "address": "http://127.0.0.1:9/x?y=" + inAddress} {
				if kind == "address" && !strings.Contains(m.name, "_endpoint") && !strings.Contains(m.name, "ur") && !strings.Contains(m.name, "issuer") && !strings.Contains(m.name, "resource") {
					continue
				}
				t.Run(place.of+"/"+m.name+"/"+kind, func(t *testing.T) {
					t.Parallel()
					if kind == "address" && place.of != "ServerMetadata" {
						real.Long(t, "the same members, with an address in them")
					}
					l := newLab(t)
					place.put(l, m.name, m.hostile(text))
					for _, verb := range place.verbs {
						l.look(append(verb, l.url())...)
					}
				})
			}
		}
	}
}

// Errors of token and registration endpoints, whose members may be in any
// answer.
func TestCanaryInOAuthErrors(t *testing.T) {
	for _, endpoint := range []string{"token_endpoint", "registration_endpoint", "device_authorization_endpoint"} {
		for _, m := range members(t, "internal/oauth/grant/response.go", "errorIn") {
			t.Run(endpoint+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				answer := map[string]any{"code": "invalid_request"} // which gives way to all other names
				answer[m.name] = m.hostile(canary)
				l.takes = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != "/refuse" {
						return false
					}
					w.WriteHeader(http.StatusBadRequest)
					_ = json.NewEncoder(w).Encode(answer)
					return true
				}
				l.faults.MetadataMembers = map[string]any{endpoint: l.srv.URL + "/refuse"}
				args := []string{"login", l.url()}
				if strings.HasPrefix(endpoint, "device") {
					args = []string{"login", "--device", l.url()}
				}
				text := l.look(args...)
				if m.name != "type" && m.name != "scope" { // which are of use beside other errors alone
					shown(t, text, "CANARY")
				}
				l.look(append(args, "--json")...)
				l.look("status")
				l.look("status", "--json")
			})
		}
	}
}

// The redirect that the browser brings.
func TestCanaryInRedirect(t *testing.T) {
	t.Parallel()
	for _, parameters := range []map[string]string{
		{"code": "", "error": canary}, {"code": "", "error": "access_denied", "error_description": canary, "error_uri": canary}, {"iss": canary},
	} {
		l := newLab(t)
		l.faults.RedirectParameters = parameters
		text := l.look("login", l.url())
		if parameters["iss"] == "" { // of a foreign answer nothing is shown
			shown(t, text, "CANARY")
		}
		l.look("status", l.url())
		l.look("status", "--json")
	}
}

// Who the provider says has signed in.
func TestCanaryInClaims(t *testing.T) {
	t.Parallel()
	l := newLab(t, devidp.User{Subject: "s", Username: "alice", Name: canary, Email: canary, Claims: map[string]any{"preferred_username": canary}})
	shown(t, l.look("login", "--scope", "openid profile email", l.url()), "CANARY")
	l.look("status")
	l.look("status", "--json", l.url())
	l.look("doctor", l.url())
	l.look("logout", "--all")
}

// Errors of JSON-RPC, at every step of a session.
func TestCanaryInRPCErrors(t *testing.T) {
	for _, method := range []string{"initialize", "tools/list", "tools/call"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			error := map[string]any{"code": -32000, "data": map[string]any{"supported": []string{canary}, "requested": canary, canary: canary}}
			for _, m := range members(t, "internal/account/session.go", "ServerError") {
				if m.name != "code" {
					error[m.name] = m.hostile(canary)
				}
			}
			b, _ := json.Marshal(error)
			l.errors[method] = string(b)
			text := l.look("tools", l.url()) + l.look("call", l.url(), "t") + l.look("call", l.url(), "t", "--json")
			shown(t, text, "CANARY")
			l.look("doctor", l.url())
			l.look("doctor", "--json", l.url())
		})
	}
}

// What a server says of itself and its tools.
func TestCanaryInToolsAndVersions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	q := quoted(canary)
	l.results["initialize"] = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":` + q + `,"title":` + q + `,"version":` + q + `},"instructions":` + q + `}`
	tool := map[string]any{}
	for _, m := range members(t, "internal/cli/tools.go", "tool") {
		tool[m.name] = m.hostile(canary)
	}
	tool["inputSchema"] = map[string]any{"type": "object", "required": []string{canary}, "properties": map[string]any{canary: map[string]any{"type": []string{canary}, "description": canary}}}
	b, _ := json.Marshal(tool)
	l.results["tools/list"] = `{"tools":[` + string(b) + `]}`
	shown(t, l.look("tools", l.url()), "CANARY")
	l.look("tools", "--json", l.url())
	shown(t, l.look("doctor", l.url()), "CANARY")
	l.look("call", l.url(), "other")
	l.look("call", l.url(), "CANARY")

	l.results["initialize"] = `{"protocolVersion":` + q + `,"capabilities":{},"serverInfo":{"name":"x","version":"1"}}`
	l.look("tools", l.url())
	l.look("doctor", l.url())
}

// Results, which keep their lines on a terminal, and what comes before them.
func TestCanaryInResults(t *testing.T) {
	q := quoted(canary)
	for name, result := range map[string]string{
		"text":       `{"content":[{"type":"text","text":` + q + `}]}`,
		"resource":   `{"content":[{"type":"resource","resource":{"uri":` + q + `,"mimeType":` + q + `,"text":` + q + `}}]}`,
		"link":       `{"content":[{"type":"resource_link","uri":` + q + `,"name":` + q + `,"mimeType":` + q + `}]}`,
		"other type": `{"content":[{"type":` + q + `,"mimeType":` + q + `,"data":` + q + `}]}`,
		"structured": `{"content":[],"structuredContent":{` + q + `:[` + q + `]}}`,
		"failure":    `{"content":[{"type":"text","text":` + q + `}],"isError":true}`,
		"no result":  q,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.results["tools/call"] = result
			l.before["tools/call"] = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1,"total":2,"message":` + q + `}}` +
				"\n\ndata: " + `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":` + q + `,"data":` + q + `}}` +
				"\n\ndata: " + `{"jsonrpc":"2.0","id":"x","method":"elicitation/create","params":{"message":` + q + `}}`
			text := l.look("call", l.url(), "t")
			if name != "no result" {
				shown(t, text, "CANARY")
			}
			l.look("call", "--json", l.url(), "t")
		})
	}
	l := newLab(t)
	l.results["tools/call"] = `{"content":[{"type":"text","text":` + q + `}]}`
	l.look("login", l.url())
	if piped := onPipes(t, l.command("call", l.url(), "t")); piped.out != canary+"\n" {
		t.Errorf("a pipe gets the result unchanged: %q", piped.out)
	}
}

// Headers, status texts and bodies of HTTP, for which a stranger needs no
// package net/http.
func TestCanaryInHTTP(t *testing.T) {
	for _, line := range []string{inHeader, strings.NewReplacer("\r", "", "\n", "").Replace(canary) + "\x9b"} {
		canaryInHTTP(t, line)
	}
}

func canaryInHTTP(t *testing.T, line string) {
	t.Helper()
	for name, answer := range map[string]string{
		"status text":  "HTTP/1.1 500 " + line + "\r\nContent-Length: 0\r\n\r\n",
		"status code":  "HTTP/1.1 " + line + "\r\n\r\n",
		"protocol":     line + "\r\n\r\n",
		"header name":  "HTTP/1.1 200 OK\r\n" + line + ": x\r\n\r\n",
		"no header":    "HTTP/1.1 200 OK\r\n" + line + "\r\n\r\n",
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: " + line + "\r\n\r\n",
		"encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + line + "\r\n\r\n",
		"type":         "HTTP/1.1 200 OK\r\nContent-Type: " + line + "\r\nContent-Length: 2\r\n\r\n{}",
		"location":     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/" + inAddress + "\r\nContent-Length: 0\r\n\r\n",
		"no location":  "HTTP/1.1 302 Found\r\nLocation: " + line + "\r\nContent-Length: 0\r\n\r\n",
		"retry after":  "HTTP/1.1 503 Busy\r\nRetry-After: " + line + "\r\nContent-Length: 0\r\n\r\n",
		"body":         "HTTP/1.1 400 Bad\r\nContent-Type: text/plain\r\nContent-Length: " + fmt.Sprint(len(canary)) + "\r\n\r\n" + canary,
		"session":      "HTTP/1.1 404 Gone\r\nMcp-Session-Id: " + line + "\r\nContent-Length: 0\r\n\r\n",
		"event":        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: " + line + "\nid: " + line + "\ndata: " + line + "\n\n",
		"challenge":    "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer error=\"" + line + "\", error_description=\"" + line + "\", scope=\"" + line + "\", resource_metadata=\"" + line + "\"\r\nContent-Length: 0\r\n\r\n",
		"other scheme": "HTTP/1.1 401 No\r\nWWW-Authenticate: " + line + " realm=\"" + line + "\"\r\nContent-Length: 0\r\n\r\n",
		"date":         "HTTP/1.1 401 No\r\nDate: " + line + "\r\nWWW-Authenticate: Bearer resource_metadata=\"http://127.0.0.1:9/" + inAddress + "\"\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.takes = onTheWire(answer)
			for _, verb := range [][]string{{"doctor"}, {"doctor", "--json"}, {"login", "--timeout", "1s"}, {"tools", "--timeout", "1s"}} {
				l.look(append(verb, l.url())...)
			}
		})
	}
}

// A bearer token of the person that is refused with words.
func TestCanaryInRefusalOfGivenToken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.takes = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+inHeader+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	for _, args := range [][]string{{"tools", l.url()}, {"login", "--json", l.url()}} {
		cmd := l.command(args...)
		cmd.Env = append(cmd.Env, "MCP_LOGIN_TOKEN=secret-of-the-person")
		seen := onTerminal(t, cmd)
		check(t, args[0], seen.all(), false)
		shown(t, seen.all(), "CANARY")
	}
}

// Names in certificates that nobody vouches for.
func TestCanaryInCertificates(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ascii := strings.Map(func(r rune) rune {
		if r > 0x7f {
			return -1
		}
		return r
	}, canary)
	name := pkix.Name{CommonName: canary, Organization: []string{canary}}
	for what, template := range map[string]x509.Certificate{
		"names":   {DNSNames: []string{ascii, ascii}, NotAfter: time.Now().Add(time.Hour)},
		"expired": {DNSNames: []string{ascii}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(-time.Hour)},
	} {
		template.SerialNumber, template.Subject, template.Issuer = big.NewInt(1), name, name
		template.IsCA, template.BasicConstraintsValid = true, true
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
		l := newLab(t)
		url := "https://localhost:" + fmt.Sprint(listener.Addr().(*net.TCPAddr).Port) + "/mcp"
		text := l.look("doctor", url)
		if what == "names" {
			shown(t, text, "CANARY")
		}
		l.look("doctor", "--json", url)
		l.look("login", "--timeout", "1s", url)
	}
}

// Logins of mcp-remote that somebody else wrote.
func TestCanaryInImport(t *testing.T) {
	for _, file := range []struct{ of, name string }{{"clientFile", "client_info.json"}, {"tokensFile", "tokens.json"}} {
		for _, m := range members(t, "internal/mcpremote/login.go", file.of) {
			t.Run(file.of+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				claims, _ := json.Marshal(map[string]string{"email": canary, "sub": canary})
				idToken := "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".x"
				contents := map[string]map[string]any{
					"client_info.json": {"client_id": "c", "redirect_uris": []string{"http://localhost:3334/oauth/callback"}, "issuer": l.idp.Issuer()},
					"tokens.json":      {"access_token": "a", "refresh_token": "r", "token_type": "Bearer", "expires_at": time.Now().Add(time.Hour).UnixMilli(), "id_token": idToken, "issuer": l.idp.Issuer()},
				}
				contents[file.name][m.name] = m.hostile(canary)
				sum := md5.Sum([]byte(l.url()))
				folder := filepath.Join(l.dir, "mcp-auth", "mcp-remote-v1")
				if err := os.MkdirAll(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				for name, content := range contents {
					b, _ := json.Marshal(content)
					if err := os.WriteFile(filepath.Join(folder, hex.EncodeToString(sum[:])+"_"+name), b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				text := l.look("import", "mcp-remote", l.url()) + l.look("status", "--offline")
				if m.name != "id_token" && m.name != "access_token" && strings.Contains(text, "took over") {
					shown(t, text, "CANARY")
				}
				l.look("status", "--json")
				l.look("token", l.url())
			})
		}
	}
}

// Configurations that somebody else wrote, and things that only have
// their names.
func TestCanaryInConfigurations(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	q := quoted(canary)
	address := quoted("https://example.com/" + inAddress + "?" + inAddress)
	file := filepath.Join(l.dir, ".mcp.json")
	content := `{"mcpServers":{` + q + `:{"command":"npx","args":["mcp-remote",` + address + `,"--header",` + q + `,"--transport",` + q + `,` + q + `]},` +
		`"own":{"command":"mcp-login","args":[` + address + `,` + q + `],"env":{` + q + `:` + q + `}},` +
		`"remote":{"type":` + q + `,"url":` + address + `,"headers":{` + q + `:` + q + `}},"other":{"command":` + q + `,"args":[` + q + `]}}}`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	shown(t, l.look("config", "--list", "cursor", "--file", file), "CANARY")
	l.look("config", "--list", "cursor", "--file", file, "--json")
	shown(t, l.look("config", "--from-mcp-remote", "cursor", "--file", file), "CANARY")
	l.look("config", "--from-mcp-remote", "cursor", "--file", file, "--json")
	l.look("config", "--remove", canary, "cursor", "--file", file)
	entry := onTerminal(t, l.command("config", "cursor", "https://example.com/mcp", "--file", file, "--name", canary))
	check(t, "an entry to paste", entry.all(), true)
	// The options of such an entry, as its client gives them.
	for _, args := range [][]string{
		{"--transport", canary},
		{"--header", canary},
		{"--profile", canary},
		{"--scope", canary},
		{"--log-level", canary},
		{"--store", canary},
		{"--auth-param", canary},
		{"--resource", canary},
		{"--client-id", canary},
		{"--callback-host", canary},
		{"--max-message", canary},
		{"--timeout", canary},
		{"--client-secret-file", canary},
		{"--static-oauth-client-info", canary},
		{"--static-oauth-client-info", "@" + canary},
		{"--" + canary},
		{canary},
	} {
		l.look(append([]string{"status", "https://example.com/mcp"}, args...)...)
		check(t, strings.Join(args, " "), onTerminal(t, l.command(append([]string{"https://127.0.0.1:9/mcp"}, args...)...)).all(), false)
	}
	pipe := filepath.Join(l.dir, "pipe.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, "/dev/zero", l.dir} {
		for _, args := range [][]string{
			{"config", "--list", "cursor", "--file", name},
			{"config", "--from-mcp-remote", "cursor", "--file", name},
			{"config", "cursor", l.url(), "--file", name, "--write"},
			{"config", "--remove", "x", "cursor", "--file", name, "--write"},
			{"login", l.url(), "--client-id", "x", "--client-secret-file", name},
			{"login", l.url(), "--ca-file", name},
			{l.url(), "--static-oauth-client-info", "@" + name},
			{l.url(), "--header-file", name},
		} {
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				seen := onTerminal(t, l.command(args...)) // ends
				check(t, strings.Join(args, " "), seen.all(), false)
			})
		}
	}
}
