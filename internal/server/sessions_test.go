package server

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"mcp-login/test/issuer"
)

const pingMessage = `{"jsonrpc":"2.0","id":7,"method":"ping"}`

// A session takes messages only from the principal that opened it.
// For everybody else it does not exist, and nothing reaches its stream.
func TestSessionBelongsToItsOwner(t *testing.T) { onBothBackends(t, sessionBelongsToItsOwner) }

func sessionBelongsToItsOwner(t *testing.T, on setUp) {
	i := issuer.Start(t)
	l := startServer(t, i, on(nil))
	owner := l.clientFor(t, i, "alice")
	s := openStream(t, l.url, owner)
	target := l.url + s.endpoint

	foreign := map[string]map[string]any{
		"another user":        {"sub": "mallory"},
		"another application": {"client_id": "other-app"},
		"no application":      {"client_id": nil},
	}
	var bodies []string
	for name, claims := range foreign {
		claims["aud"] = l.url + "/mcp"
		c := clientWith(t, i.Sign(t, issuer.Change{Claims: claims}))
		resp := post(t, c, target, pingMessage)
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", name, resp.StatusCode)
		}
		body, _ := io.ReadAll(resp.Body)
		bodies = append(bodies, withoutRequestID(resp, body))
	}
	resp := post(t, owner, l.url+"/messages?sessionId=doesnotexist", pingMessage)
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("invented session: %d", resp.StatusCode)
	}
	for _, b := range bodies {
		if b != withoutRequestID(resp, body) {
			t.Errorf("a foreign session can be told from an invented one: %s and %s", b, body)
		}
	}
	if resp := post(t, http.DefaultClient, target, pingMessage); resp.StatusCode != 401 {
		t.Errorf("session id without a token: %d", resp.StatusCode)
	}
	if resp := post(t, owner, l.url+"/messages", pingMessage); resp.StatusCode != 404 {
		t.Errorf("no session id: %d", resp.StatusCode)
	}

	// The first thing on the stream is the answer to the owner's own message.
	if resp := post(t, owner, target, strings.Replace(pingMessage, "7", "42", 1)); resp.StatusCode != 202 {
		t.Fatalf("owner: %d", resp.StatusCode)
	}
	if _, data := s.next(t); !strings.Contains(data, `"id":42`) {
		t.Errorf("stream has %s", data)
	}
}

// withoutRequestID leaves out the one part of an answer that always differs.
func withoutRequestID(resp *http.Response, body []byte) string {
	return strings.ReplaceAll(string(body), resp.Header.Get(requestIDHeader), "")
}

// Session ids are random, and end with their stream.
func TestSessionIDsAreRandomAndEnd(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	seen := map[string]bool{}
	for range 5 {
		s := openStream(t, l.url, c)
		id := s.sessionID(t)
		if len(id) < 26 || seen[id] {
			t.Errorf("session id %q", id)
		}
		seen[id] = true
	}
	l.http.CloseClientConnections()
	l.backend.(*whoami).legacy.mu.Lock()
	defer l.backend.(*whoami).legacy.mu.Unlock()
	for len(l.backend.(*whoami).legacy.open) > 0 {
		l.backend.(*whoami).legacy.mu.Unlock()
		runtime.Gosched()
		l.backend.(*whoami).legacy.mu.Lock()
	}
}

// One caller cannot hold any number of streams, and does not take them from
// others; all together have a bound as well.
func TestStreamsAreBounded(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.MaxStreams, c.TotalStreams = 2, 3 })
	greedy := l.clientFor(t, i, "greedy")
	first := openStream(t, l.url, greedy)
	openStream(t, l.url, greedy)
	open := func(c *http.Client) *http.Response {
		t.Helper()
		resp, err := c.Get(l.url + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	if resp := open(greedy); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more than a caller may have: %d", resp.StatusCode)
	}
	openStream(t, l.url, l.clientFor(t, i, "other"))
	if resp := open(l.clientFor(t, i, "third")); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more than all may have: %d", resp.StatusCode)
	}
	_ = first.resp.Body.Close()
	for open(greedy).StatusCode != 200 { // the server has yet to notice
		runtime.Gosched()
	}
}

// On Streamable HTTP there are no sessions to steal. GET and DELETE
// are 405, with a guessed session id or Last-Event-ID as well, and a client's
// session id is ignored.
func TestStreamableHasNoSessions(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	token := i.Sign(t, issuer.Change{})
	for _, method := range []string{"GET", "DELETE", "HEAD", "PUT", "OPTIONS"} {
		for _, version := range []string{"", "2025-11-25", "2026-07-28"} {
			resp := call(s, method, "/mcp", token, "", "Mcp-Session-Id", "guess", "Last-Event-ID", "1",
				"Accept", "text/event-stream", "Mcp-Protocol-Version", version)
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %d, Allow %q", method, version, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
	resp := call(s, "POST", "/mcp", token, callWhoami, "Mcp-Session-Id", "guess")
	if resp.StatusCode != 200 || resp.Header.Get("Mcp-Session-Id") != "" {
		t.Errorf("POST with a session id: %d, %q", resp.StatusCode, resp.Header.Get("Mcp-Session-Id"))
	}
	for path, method := range map[string]string{"/sse": "POST", "/messages": "GET"} {
		if resp := call(s, method, path, token, ""); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, resp.StatusCode)
		}
	}
}
