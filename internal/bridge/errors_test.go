package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/internal/bridge/upstream"
)

// What a server says wrongly or not at all becomes one clear error.
func TestHTTPErrors(t *testing.T) {
	status := func(code int, kind, body string) func(http.ResponseWriter, *http.Request, json.RawMessage) {
		return func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", kind)
			if code == 429 {
				w.Header().Set("Retry-After", "7")
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"html":  status(200, "text/html", "<html>welcome</html>"),
		"202":   status(202, "", ""),
		"500":   status(500, "text/plain", "boom\x1b[31m"),
		"429":   status(429, "text/plain", "slow down"),
		"own":   status(400, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"bad","data":1.0}}`),
		"oauth": status(403, "application/json", `{"error":"insufficient_scope","error_description":"needs more"}`),
		"other": status(200, "application/json", `{"id":999,"result":1}`),
		"junk":  status(200, "application/json", `nonsense`),
	}}
	r := newRig(t, s)
	for method, want := range map[string][]string{
		"html":  {`"code":1004`, "does not look like an MCP server"},
		"202":   {`"code":1004`},
		"500":   {`"code":1003`, `"httpStatus":500`, "boom"},
		"429":   {`"code":1003`, `"retryAfterSeconds":7`, "try again in 7s"},
		"own":   {`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bad","data":1.0}}`},
		"oauth": {`"code":1003`, `"httpStatus":403`, "insufficient_scope"},
		"other": {`"code":1005`},
		"junk":  {`"code":1004`},
	} {
		r.send(`{"id":1,"method":"` + method + `"}`)
		got := r.line()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s", method, got)
			}
		}
		if strings.Contains(got, "\x1b") || !strings.Contains(got, `"id":1`) {
			t.Errorf("%s: %s", method, got)
		}
	}
}

// A host that is not there is an error for the request alone.
func TestUnreachable(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	address := srv.URL
	srv.Close()
	r := rigTo(t, address+"/mcp?secret=hunter2")
	for i := range 2 {
		r.send(fmt.Sprintf(`{"id":%d,"method":"initialize"}`, i))
		if got := r.line(); !strings.Contains(got, `"code":1001`) || strings.Contains(got, "hunter2") {
			t.Error(got)
		}
	}
}

// Security row 37: nothing follows a redirect to another origin.
func TestRow37Redirects(t *testing.T) {
	var stranger bytes.Buffer
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = r.Write(&stranger) }))
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
			"away": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(code)
			},
		}}
		r := newRig(t, s, func(_ *Config, u *upstream.Config) { u.Header = http.Header{"X-Key": {"canary"}} })
		r.send(`{"id":1,"method":"away","params":"canary"}`)
		if got := r.line(); !strings.Contains(got, `"code":1003`) {
			t.Errorf("%d: %s", code, got)
		}
	}
	if stranger.Len() != 0 {
		t.Errorf("the stranger got: %s", stranger.String())
	}
	mux := http.NewServeMux() // on the same origin it is followed, with the body
	s := &server{}
	mux.Handle("/new", s)
	mux.Handle("/mcp", http.RedirectHandler("/new", http.StatusTemporaryRedirect))
	r := newRig(t, mux)
	r.send(`{"id":1,"method":"x"}`)
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` || s.bodies[0] != `{"id":1,"method":"x"}` {
		t.Error(got)
	}
}
