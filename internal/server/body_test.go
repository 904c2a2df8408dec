package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// What a web page could send without asking is 415, on both endpoints (incident
// CVE-2026-33252, cross-site text/plain).
func TestContentTypeMustBeJSON(t *testing.T) { onBothBackends(t, contentTypeMustBeJSON) }

func contentTypeMustBeJSON(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	for _, path := range []string{"/mcp", "/messages?sessionId=x"} {
		for _, contentType := range []string{
			"text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
			"multipart/form-data; boundary=x", "application/jsonp", "", "text/plain, application/json",
		} {
			if resp := call(s, "POST", path, token, callWhoami, "Content-Type", contentType); resp.StatusCode != 415 {
				t.Errorf("%s as %q: %d", path, contentType, resp.StatusCode)
			}
		}
	}
	if resp := call(s, "POST", "/mcp", token, callWhoami, "Content-Type", "Application/JSON; charset=utf-8"); resp.StatusCode != 200 {
		t.Errorf("with a charset: %d", resp.StatusCode)
	}
}

// A header that two readers could read differently, or that says something else than the
// message, is refused by whoami as it is by the gateway; one that brings no message as well.
func TestHeaderSaysWhatTheMessageSays(t *testing.T) { onBothBackends(t, headerSaysWhatTheMessageSays) }

func headerSaysWhatTheMessageSays(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(func(c *Config) { c.Stateful = true }))
	token := i.Sign(t, issuer.Change{})
	for _, header := range []struct {
		name, value string
		want        int
	}{
		{"Content-Type", "application/json; charset=utf-16", 415},
		{"Content-Encoding", "gzip", 415},
		{"Mcp-Method", "tools/list", 400},
		{"Mcp-Name", "another", 400},
		{"Mcp-Protocol-Version", "2025-06-18", 400}, // a second one
		{"Mcp-Session-Id", "x", 400},                // a second one
	} {
		for _, path := range []string{"POST /mcp", "POST /messages?sessionId=x", "GET /mcp", "DELETE /mcp", "GET /sse"} {
			method, target, _ := strings.Cut(path, " ")
			if method != http.MethodPost && header.want == 415 {
				continue
			}
			body := ""
			if method == http.MethodPost {
				body = callWhoami
			}
			r := request(method, target, token, strings.NewReader(body), "Mcp-Protocol-Version", "2025-06-18", "Mcp-Session-Id", "x", header.name, header.value)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // of a stream that should not have begun
			resp := serve(s, r.WithContext(ctx))
			cancel()
			if resp.StatusCode != header.want {
				t.Errorf("%s with %s %s: %d", path, header.name, header.value, resp.StatusCode)
			}
		}
	}
}

// At most 4 MiB, whether the length is announced or not; the largest
// allowed message passes; without a token nothing is read.
func TestBodiesAreReadUpTo4MiB(t *testing.T) { onBothBackends(t, bodiesAreReadUpTo4MiB) }

func bodiesAreReadUpTo4MiB(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	for _, tt := range []struct {
		token     string
		size      int
		announced bool
		want      int
	}{
		{token, maxBodyBytes, true, 200},
		{token, maxBodyBytes + 1, true, 413},
		{token, maxBodyBytes + 1, false, 413},
		{"", maxBodyBytes, true, 401},
	} {
		read := &counting{r: strings.NewReader(callWhoami + strings.Repeat(" ", tt.size-len(callWhoami)))}
		r := request("POST", "/mcp", tt.token, read)
		if tt.announced {
			r.ContentLength = int64(tt.size)
		}
		if resp := serve(s, r); resp.StatusCode != tt.want || tt.token == "" && read.n != 0 {
			t.Errorf("%+v: %d, %d bytes read", tt, resp.StatusCode, read.n)
		}
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// Not JSON is a JSON-RPC parse error, not a crash.
func TestAMalformedMessageIsAParseError(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	token := i.Sign(t, issuer.Change{})
	for _, body := range []string{"{", "nonsense", "[" + callWhoami + "]", strings.Repeat("[", 100_000)} {
		resp := call(s, "POST", "/mcp", token, body)
		out, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(out), "-32700") {
			t.Errorf("%.20s: %d %s", body, resp.StatusCode, out)
		}
	}
}
