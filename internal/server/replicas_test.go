package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// wire is a bus between two servers of this test, which are called a and b.
type wire struct {
	failing
	name   string
	hear   func([]byte)
	other  *wire
	answer func(context.Context, []byte) []byte
}

func (w *wire) Self() string                                          { return w.name }
func (w *wire) HandleRequests(f func(context.Context, []byte) []byte) { w.answer = f }
func (w *wire) HandleBroadcasts(f func([]byte))                       { w.hear = f }
func (w *wire) Broadcast(m []byte)                                    { w.other.hear(m) }
func (w *wire) Healthy() error                                        { return nil }
func (w *wire) Request(ctx context.Context, replica string, m []byte) ([]byte, error) {
	if replica != w.other.name {
		return nil, ErrNoReplica
	}
	return w.other.answer(ctx, m), nil
}

func wired(t *testing.T, i *issuer.Issuer, change ...func(*Config)) (a, b *liveServer) {
	t.Helper()
	left, right := &wire{name: "a"}, &wire{name: "b"}
	left.other, right.other = right, left
	a = startServer(t, i, func(c *Config) {
		c.Bus = left
		for _, f := range change {
			f(c)
		}
	})
	b = startServer(t, i, func(c *Config) { c.Bus, c.Resource = right, mustURL(t, a.url+"/mcp") })
	return a, b
}

// A token that one replica finds revoked is forgotten by the others,
// however good it was there a moment ago.
func TestRevocationReachesTheOtherReplica(t *testing.T) {
	i := issuer.Start(t)
	a, b := wired(t, i, func(c *Config) { c.CacheTTL = time.Nanosecond }) // a checks each time
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	c := clientWith(t, "opaque")
	for _, url := range []string{a.url, b.url} {
		if resp := post(t, c, url+"/mcp", callWhoami); resp.StatusCode != 200 {
			t.Fatalf("good at first: %d", resp.StatusCode)
		}
	}
	i.Userinfo = issuer.UnknownToken
	if resp := post(t, c, b.url+"/mcp", callWhoami); resp.StatusCode != 200 {
		t.Fatalf("b does not remember: %d", resp.StatusCode)
	}
	if resp := post(t, c, a.url+"/mcp", callWhoami); resp.StatusCode != 401 {
		t.Fatalf("a does not find out: %d", resp.StatusCode)
	}
	if resp := post(t, c, b.url+"/mcp", callWhoami); resp.StatusCode != 401 {
		t.Errorf("at b after a has found out: %d", resp.StatusCode)
	}
}

// A message for a session at the other replica is answered there, with claims
// as exact as those of a token verified there; nonsense on the bus harms nobody.
func TestMessageForTheOtherReplica(t *testing.T) {
	i := issuer.Start(t)
	a, b := wired(t, i)
	token := i.Sign(t, issuer.Change{Claims: map[string]any{"aud": a.url + "/mcp", "big": uint64(12345678901234567890)}})
	c := clientWith(t, token)
	s := openStream(t, a.url, c)
	if resp := post(t, c, b.url+s.endpoint, callWhoami); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("at b: %d", resp.StatusCode)
	}
	if _, data := s.next(t); !strings.Contains(data, `"big":12345678901234567890`) {
		t.Errorf("answer %s", data)
	}
	mallory := clientWith(t, i.Sign(t, issuer.Change{Claims: map[string]any{"aud": a.url + "/mcp", "sub": "mallory"}}))
	if resp := post(t, mallory, b.url+s.endpoint, callWhoami); resp.StatusCode != 404 {
		t.Errorf("S11, somebody else at b: %d", resp.StatusCode)
	}
	if resp := post(t, c, b.url+"/messages?sessionId=dead.x", callWhoami); resp.StatusCode != 404 {
		t.Errorf("a replica that is dead: %d", resp.StatusCode)
	}
	for _, nonsense := range []string{"", "{", "null", `{"Session":1}`} {
		if got := a.backend.(*whoami).answerReplica(t.Context(), []byte(nonsense)); string(got) == string(accepted) {
			t.Errorf("%q was accepted", nonsense)
		}
	}
	b.ops.Bus.(*wire).hear([]byte("short"))
}

// sharing is a wire whose sessions are in a store that others use too.
type sharing struct {
	*wire
	*memorySessions
}

// Servers for two resources share a store and a bus. A session that a user
// began at one of them is none at the other, on both transports, though user,
// issuer and application are the same.
func TestSessionsAreOfOneResource(t *testing.T) {
	i := issuer.Start(t)
	left, right := &wire{name: "a"}, &wire{name: "b"}
	left.other, right.other = right, left
	store := newMemorySessions()
	a := startServer(t, i, func(c *Config) { c.Stateful, c.Bus = true, sharing{left, store} })
	b := startServer(t, i, func(c *Config) { c.Stateful, c.Bus = true, sharing{right, store} })
	atA, atB := a.clientFor(t, i, "alice"), b.clientFor(t, i, "alice")
	session, stream := a.begin(t, atA), openStream(t, a.url, atA)
	for _, method := range []string{"POST", "GET", "DELETE"} {
		body := ""
		if method == "POST" {
			body = callWhoami
		}
		if resp := b.send(t, atB, method, body, "Mcp-Session-Id", session); resp.StatusCode != 404 {
			t.Errorf("%s at the other resource: %d", method, resp.StatusCode)
		}
	}
	if resp := post(t, atB, b.url+stream.endpoint, callWhoami); resp.StatusCode != 404 {
		t.Errorf("HTTP+SSE at the other resource: %d", resp.StatusCode)
	}
	if resp := a.send(t, atA, "POST", callWhoami, "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Errorf("where it was begun: %d", resp.StatusCode)
	}
	// Each application counts for its user: no number of them brings more.
	l := startServer(t, i, func(c *Config) { c.Stateful, c.MaxSessions = true, 2 })
	for n, want := range []int{200, 200, 429} {
		c := clientWith(t, i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": "alice", "client_id": strings.Repeat("x", n+1)}}))
		if resp := l.send(t, c, "POST", initialize); resp.StatusCode != want || want == 429 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("application %d: %d, want %d", n, resp.StatusCode, want)
		}
	}
}
