package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/account"
	"mcp-login/internal/header"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/terminal"
)

// The User-Agent is the program's, with the address that the client ID metadata
// document has, unless the person chose one; what would begin another header is
// refused.
func TestUserAgent(t *testing.T) {
	o := options{}
	own, address, _ := strings.Cut(strings.TrimSuffix(o.agent(), ")"), " (+")
	u, err := url.Parse(address)
	if !strings.HasPrefix(own, "mcp-login/") || strings.ContainsAny(own, " ()") || err != nil || !strings.Contains(page(t, "docs/client-metadata.json"), u.Scheme+"://"+u.Host+"/") {
		t.Errorf("%q", o.agent())
	}
	for value, want := range map[string]string{"Desktop/7 (X11; Linux)": "Desktop/7 (X11; Linux)", "": o.agent(), "  ": o.agent()} {
		chosen := options{userAgent: value}
		h, err := chosen.header(env())
		if err != nil || chosen.check() != nil || h.Get("User-Agent") != want {
			t.Errorf("%q: %q, %v", value, h.Get("User-Agent"), err)
		}
	}
	for _, bad := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f"} {
		if err := (&options{userAgent: bad}).check(); err == nil || strings.Contains(err.Error(), "a") && strings.Contains(err.Error(), "Evil") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	o.headers = []string{"user-agent: Desktop/7"}
	if h, err := o.header(env()); err != nil || len(h.Values("User-Agent")) != 1 || h.Get("User-Agent") != "Desktop/7" {
		t.Errorf("%v, %v", h, err)
	}
}

// A proxy is asked for a tunnel by the same name, for the server and its provider.
func TestUserAgentAtProxy(t *testing.T) {
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.Header.Get("User-Agent"))
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	at, _ := url.Parse(proxy.URL)
	server, _ := url.Parse("https://mcp.example/mcp")
	o := options{userAgent: "Desktop/7"}
	wire, ok := o.wire.transport(o.agent()).(*wakeful)
	if !ok {
		t.Fatalf("%T", o.wire.transport(o.agent()))
	}
	wire.Proxy = http.ProxyURL(at)
	guard := o.guard(server).HTTPClient()
	inner, ok := guard.Transport.(interface{ CloseIdleConnections() })
	if !ok {
		t.Error("idle connections of the provider cannot be closed")
	} else {
		defer inner.CloseIdleConnections()
	}
	if resp, err := (&http.Client{Transport: wire}).Get(server.String()); err == nil {
		_ = resp.Body.Close()
	}
	if len(seen) != 1 || seen[0] != "CONNECT Desktop/7" {
		t.Errorf("the proxy saw %q", seen)
	}
}

// Names end at a colon or an equals sign; variables have either spelling, and one
// that is missing is named without a word of the others.
func TestHeaderForms(t *testing.T) {
	getenv := env("KEY", "s3cret", "BLANK", " \n", "LINE", "abc\n")
	for line, want := range map[string]string{
		"X-Key=abc": "abc", "X-Key = a:b=c": "a:b=c", "X-Key:a=b": "a=b", "X-Key: ${env:KEY}": "s3cret", "X-Key:": "", "X-Key: ${}$KEY${": "${}$KEY${", "X-Key: ${LINE}": "abc",
		"X-Key: ${KEY}${KEY}": "s3crets3cret",
	} {
		h, err := (&options{headers: []string{line}}).header(getenv)
		if err != nil || h.Get("X-Key") != want || len(h.Values("X-Key")) != 1 {
			t.Errorf("%q: %v, %v", line, h, err)
		}
	}
	for line, named := range map[string]string{
		"X-Key: ${NOPE}": "NOPE", "X-Key: ${KEY} ${NOPE}": "NOPE", "X-Key: ${BLANK}": "BLANK", "X-Key: ${env:NOPE}": "NOPE", "X-Key: ${s3cret!}": "X-Key",
		"Authorization: Bearer": "Bearer", "authorization=Basic ": "Basic",
	} {
		_, err := (&options{headers: []string{line}}).header(getenv)
		if err == nil || !strings.Contains(err.Error(), named) || strings.Contains(err.Error(), "s3cret") || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// FuzzHeader: whatever stands in a line and a variable, one header comes of it, in a
// form that can be sent, or an error.
func FuzzHeader(f *testing.F) {
	for _, line := range []string{"X-Key: ${A}", "X=${env:A}:", "Authorization: Bearer ${A}${", "a\r\nb: c", "${A}: x", "=x", ":", "X: ${${A}}"} {
		f.Add(line, "value")
		f.Add(line, "a\r\nX-Evil: 1")
	}
	f.Fuzz(func(t *testing.T, line, value string) {
		h, err := (&options{headers: []string{line}, userAgent: "x"}).header(func(string) string { return value })
		if err != nil {
			return
		}
		if len(h) > 2 {
			t.Fatalf("%q: %v", line, h)
		}
		for name, values := range h {
			if !header.ValidName(name) || !header.ValidValue(strings.Join(values, "")) {
				t.Errorf("%q: %q: %q", line, name, values)
			}
		}
	})
}

// --redirect-uri: https as it is, http on this machine for the listener, and
// nothing else.
func TestRedirectURI(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example/cb?x=1": "https://app.example/cb?x=1", "HTTPS://app.example/cb": "HTTPS://app.example/cb", "https://localhost/cb": "https://localhost/cb",
		"http://localhost/cb": "http://localhost:PORT/cb", "http://127.0.0.1/a/b": "http://127.0.0.1:PORT/a/b",
	} {
		where, err := callbackOf(oauth.Choices{RedirectURI: uri}, "")
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		redirect, err := where.listen(t.Context(), loopback.Options{})
		if err != nil {
			t.Fatal(err)
		}
		here, _ := url.Parse(redirect.Here())
		if got := strings.Replace(redirect.URI(), ":"+here.Port(), ":PORT", 1); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
		_ = redirect.Close()
	}
	for _, bad := range []string{
		"http://app.example/cb", "http://10.0.0.1/cb", "app:/cb", "javascript:alert(1)", "https://u:p@app.example/cb", "https://app.example/cb#x", "https://app.example/#", "https://", "/cb",
		"http://localhost/cb?x=1", "http://localhost", "https://app.example/a b", "https://app.example/\x1b[2J", "https://app.example/$(x)",
	} {
		o := options{Settings: account.Settings{Choices: oauth.Choices{RedirectURI: bad}}}
		if err := o.check(); exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A client whose bridge cannot begin gets an answer to each request; a verb, and a
// word that is no server, ends at once.
func TestUnstartedBridge(t *testing.T) {
	requests := `{"jsonrpc":"2.0","id":"a","method":"initialize","params":{}}` + "\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n"
	for line, answers := range map[string]int{
		"https://example.com/mcp --header X-Key:${NOPE}": 2, "https://example.com/mcp --nonsense": 2, "--header X-Key:${NOPE} https://example.com/mcp": 2,
		`https://example.com/mcp --static-oauth-client-info {"client_id":"${NOPE}"}`: 2,
		"https://example.com/mcp --store none":                                       2,
		"tools https://example.com/mcp --header X-Key:${NOPE}":                       0, "--nonsense": 0, "nonsense": 0,
	} {
		var out, errOut bytes.Buffer
		a := &app{in: strings.NewReader(requests), term: onPipes(&out, &errOut), getenv: env("MCP_LOGIN_DIR", filepath.Join(t.TempDir(), "x"))}
		code := a.run(t.Context(), strings.Fields(line))
		want := exitUsage
		if strings.Contains(line, "--store") {
			want = exitStore
		}
		if code != want || strings.Count(out.String(), `"code":1000`) != answers || strings.Count(out.String(), "\n") != answers || !strings.Contains(errOut.String(), "error: ") {
			t.Errorf("%s: %d\n%s%s", line, code, out.String(), errOut.String())
		}
		if answers > 0 && (!strings.Contains(out.String(), `"id":"a"`) || strings.Contains(line, "NOPE") && !strings.Contains(out.String(), "NOPE")) {
			t.Errorf("%s: %s", line, out.String())
		}
	}
	if terminal.IsTerminal(nil) {
		t.Error("no file is no terminal")
	}
}
