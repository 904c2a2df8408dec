package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/test/issuer"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
	`"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

// begin starts a session on Streamable HTTP and returns its id.
func (l *liveServer) begin(t *testing.T, c *http.Client) string {
	t.Helper()
	resp := post(t, c, l.url+"/mcp", initialize)
	id := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != 200 || len(id) < 26 {
		t.Fatalf("initialize: %d, session %q", resp.StatusCode, id)
	}
	return id
}

func (l *liveServer) send(t *testing.T, c *http.Client, method, body string, header ...string) *http.Response {
	t.Helper()
	return send(t, c, method, l.url+"/mcp", body, header...)
}

// With sessions on, a session id does nothing in the hands of
// another principal, on no method, with or without Last-Event-ID, and cannot be
// told from one that does not exist.
func TestStatefulSessionBelongsToItsOwner(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.Stateful = true })
	alice := l.clientFor(t, i, "alice")
	session := l.begin(t, alice)
	foreign := map[string]map[string]any{
		"another user":        {"sub": "mallory"},
		"another application": {"client_id": "other-app"},
	}
	for name, claims := range foreign {
		claims["aud"] = l.url + "/mcp"
		c := clientWith(t, i.Sign(t, issuer.Change{Claims: claims}))
		for _, try := range []struct {
			method, body string
			header       []string
		}{
			{"POST", callWhoami, nil},
			{"POST", pingMessage, nil},
			{"POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, nil},
			{"POST", `{"jsonrpc":"2.0","id":1,"result":{}}`, nil},
			{"GET", "", nil},
			{"GET", "", []string{"Last-Event-ID", "1"}},
			{"DELETE", "", nil},
		} {
			stolen := l.send(t, c, try.method, try.body, append(try.header, "Mcp-Session-Id", session)...)
			invented := l.send(t, c, try.method, try.body, append(try.header, "Mcp-Session-Id", "invented")...)
			a, _ := io.ReadAll(stolen.Body)
			b, _ := io.ReadAll(invented.Body)
			if stolen.StatusCode != 404 || invented.StatusCode != 404 || withoutRequestID(stolen, a) != withoutRequestID(invented, b) {
				t.Errorf("%s, %s %.40s: %d %s, invented: %d %s", name, try.method, try.body,
					stolen.StatusCode, a, invented.StatusCode, b)
			}
		}
	}
	// Nothing of that touched the session.
	if resp := l.send(t, alice, "POST", callWhoami, "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Errorf("the owner: %d", resp.StatusCode)
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		body := ""
		if method == "POST" {
			body = callWhoami
		}
		if resp := l.send(t, http.DefaultClient, method, body, "Mcp-Session-Id", session); resp.StatusCode != 401 {
			t.Errorf("S10: %s with a session and no token: %d", method, resp.StatusCode)
		}
		if resp := l.send(t, alice, method, body); resp.StatusCode != 400 && method == "POST" {
			t.Errorf("%s without a session id: %d", method, resp.StatusCode)
		}
	}
}

// The life of a session: GET holds a stream open, DELETE ends both, and what
// comes later is 404.
func TestStatefulSessionEnds(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.Stateful, c.Heartbeat = true, time.Hour })
	c := l.clientFor(t, i, "alice")
	session, other := l.begin(t, c), l.begin(t, c)
	stream := l.send(t, c, "GET", "", "Mcp-Session-Id", session, "Last-Event-ID", "7")
	kept := l.send(t, c, "GET", "", "Mcp-Session-Id", other)
	if stream.StatusCode != 200 || stream.Header.Get("Content-Type") != "text/event-stream" ||
		stream.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("GET: %d %v", stream.StatusCode, stream.Header)
	}
	if resp := l.send(t, c, "GET", "", "Mcp-Session-Id", session, "Accept", "application/json"); resp.StatusCode != 406 {
		t.Errorf("GET that wants no stream: %d", resp.StatusCode)
	}
	if resp := l.send(t, c, "DELETE", "", "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Fatalf("DELETE: %d", resp.StatusCode)
	}
	late := time.AfterFunc(20*time.Second, func() { _ = stream.Body.Close() })
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Errorf("the stream did not end with its session: %v", err)
	}
	late.Stop()
	for _, method := range []string{"GET", "DELETE"} {
		if resp := l.send(t, c, method, "", "Mcp-Session-Id", session); resp.StatusCode != 404 {
			t.Errorf("%s after DELETE: %d", method, resp.StatusCode)
		}
	}
	if resp := l.send(t, c, "POST", callWhoami, "Mcp-Session-Id", session); resp.StatusCode != 404 {
		t.Errorf("POST after DELETE: %d", resp.StatusCode)
	}
	if resp := l.send(t, c, "POST", callWhoami, "Mcp-Session-Id", other); resp.StatusCode != 200 {
		t.Errorf("the other session: %d", resp.StatusCode)
	}
	go func() { _ = l.Close(context.Background()) }()
	rest, err := io.ReadAll(kept.Body)
	if err != nil || !strings.Contains(string(rest), "retry: 1000\n") {
		t.Errorf("told to reconnect: %q, %v", rest, err)
	}
}

// Clients of 2026-07-28 have no sessions on the same endpoint: no id is
// minted or needed, GET and DELETE are 405.
func TestStatelessClientsHaveNoSessionsBesideStatefulOnes(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.Stateful = true })
	c := l.clientFor(t, i, "alice")
	resp := l.callModern(t, c, "tools/list", "", "Mcp-Session-Id", "invented")
	if resp.StatusCode != 200 || resp.Header.Get("Mcp-Session-Id") != "" {
		body, _ := io.ReadAll(resp.Body)
		t.Errorf("POST: %d %v %s", resp.StatusCode, resp.Header, body)
	}
	resp = l.send(t, c, "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+modernMeta+`}}`, "Mcp-Method", "tools/list")
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(body), "-32020") {
		t.Errorf("S16, a modern message without the header: %d %s", resp.StatusCode, body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		resp := l.send(t, c, method, "", "Mcp-Protocol-Version", "2026-07-28", "Mcp-Session-Id", l.begin(t, c))
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

// A session ends when it is not used, and its caller cannot have any number.
func TestSessionsInMemoryAreBoundedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { testSessionStore(t, newMemorySessions(), time.Sleep) })
	synctest.Test(t, func(t *testing.T) {
		m := newMemorySessions()
		for _, owner := range []string{"a", "b", "c"} {
			_, _ = m.Begin(t.Context(), owner, "id", 1, time.Second)
		}
		<-time.After(sweepPause)
		_, _ = m.Begin(t.Context(), "d", "id", 1, time.Second)
		if len(m.owners) != 1 {
			t.Errorf("%d owners are kept", len(m.owners))
		}
	})
}

// testSessionStore is what every [SessionStore] must do.
func testSessionStore(t *testing.T, s SessionStore, sleep func(time.Duration)) {
	t.Helper()
	ctx := t.Context()
	check := func(what string, want bool, f func() (bool, error)) {
		t.Helper()
		if got, err := f(); got != want || err != nil {
			t.Errorf("%s: %t, %v", what, got, err)
		}
	}
	begin := func(owner, id string) func() (bool, error) {
		return func() (bool, error) { return s.Begin(ctx, owner, id, 2, time.Minute) }
	}
	touch := func(owner, id string) func() (bool, error) {
		return func() (bool, error) { return s.Touch(ctx, owner, id, time.Minute) }
	}
	check("first", true, begin("a", "1"))
	check("second", true, begin("a", "2"))
	check("one too many", false, begin("a", "3"))
	check("somebody else", true, begin("b", "4"))
	check("mine", true, touch("a", "1"))
	check("not mine", false, touch("b", "1"))
	check("of nobody", false, touch("c", "1"))
	check("end of another's", false, func() (bool, error) { return s.End(ctx, "b", "1") })
	sleep(40 * time.Second)
	check("used", true, touch("a", "1"))
	sleep(40 * time.Second)
	check("used in time", true, touch("a", "1"))
	check("not used in time", false, touch("a", "2"))
	check("room again", true, begin("a", "5"))
	check("end", true, func() (bool, error) { return s.End(ctx, "a", "1") })
	check("end twice", false, func() (bool, error) { return s.End(ctx, "a", "1") })
	check("ended", false, touch("a", "1"))
}

// failing is a store that does not answer.
type failing struct{ Bus }

var errStore = errors.New("no answer")

func (failing) Self() string                                        { return "me" }
func (failing) HandleRequests(func(context.Context, []byte) []byte) {}
func (failing) Broadcast([]byte)                                    {}
func (failing) HandleBroadcasts(func([]byte))                       {}
func (failing) Remember(context.Context, [sha256.Size]byte, time.Time) (bool, error) {
	return false, errStore
}
func (failing) Healthy() error                                          { return errStore }
func (failing) Request(context.Context, string, []byte) ([]byte, error) { return nil, errStore }
func (failing) Begin(context.Context, string, string, int, time.Duration) (bool, error) {
	return false, errStore
}

func (failing) Touch(context.Context, string, string, time.Duration) (bool, error) {
	return false, errStore
}

// A bus that is down is 503 with a time to come back, never 404: the client
// must not throw its session away. Stateless requests go on.
func TestABusThatIsDownIs503(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.Stateful, c.Bus = true, failing{} })
	c := l.clientFor(t, i, "alice")
	for what, resp := range map[string]*http.Response{
		"initialize":     post(t, c, l.url+"/mcp", initialize),
		"call":           post(t, c, l.url+"/mcp", callWhoami, "Mcp-Session-Id", "x"),
		"stream":         l.send(t, c, "GET", "", "Mcp-Session-Id", "x"),
		"end":            l.send(t, c, "DELETE", "", "Mcp-Session-Id", "x"),
		"legacy message": post(t, c, l.url+"/messages?sessionId=other.x", pingMessage),
	} {
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
	}
	// A session that this replica holds itself needs no bus.
	s := openStream(t, l.url, c)
	if resp := post(t, c, l.url+s.endpoint, pingMessage); resp.StatusCode != 202 {
		t.Errorf("own session: %d", resp.StatusCode)
	}
	if _, data := s.next(t); !strings.Contains(data, `"id":7`) {
		t.Errorf("answer %s", data)
	}
	ready := httptestGet(l.OperationsHandler(nil), "/readyz")
	if ready.Code != 200 || !strings.Contains(ready.Body.String(), `"bus":"down"`) {
		t.Errorf("readiness: %d %s", ready.Code, ready.Body)
	}
}

// Both client libraries work with sessions on, as without.
func TestLibrariesWithSessions(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, func(c *Config) { c.Stateful = true })
	token := l.tokenFor(t, i, "alice")
	sdk := connectSDK(t, &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: clientWith(t, token)})
	if r, err := sdk.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"}); err != nil || r.IsError {
		t.Errorf("go-sdk: %v, %v", r, err)
	}
	tr, err := transport.NewStreamableHTTP(l.url+"/mcp", transport.WithHTTPBasicClient(clientWith(t, token)))
	if err != nil {
		t.Fatal(err)
	}
	c := connectMCPGo(t, tr)
	if r, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{}); err != nil || len(r.Tools) == 0 {
		t.Errorf("mcp-go: %v, %v", r, err)
	}
}

// While the server stops, an HTTP+SSE session still gets the answer to what was
// posted to it, takes nothing new, and is told to reconnect.
func TestHTTPSSESessionIsDrained(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	s := openStream(t, l.url, c)
	session := l.legacySession(t, s.sessionID(t))
	if session.enter() != nil { // as a call under way
		t.Fatal("not taken")
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close(context.Background()) }()
	for session.enter() == nil { // until it is closing
		session.exit()
		runtime.Gosched()
	}
	if got := session.enter(); !errors.Is(got, errClosed) {
		t.Errorf("a new message: %s", got)
	}
	session.events <- []byte(`{"id":"late"}`)
	session.exit()
	rest, err := io.ReadAll(s.reader)
	if err != nil || !strings.Contains(string(rest), `data: {"id":"late"}`) || !strings.Contains(string(rest), "retry: 1000\n") {
		t.Errorf("the end of the stream: %q, %v", rest, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func (l *liveServer) legacySession(t *testing.T, id string) *legacySession {
	t.Helper()
	l.backend.(*whoami).legacy.mu.Lock()
	defer l.backend.(*whoami).legacy.mu.Unlock()
	s, ok := l.backend.(*whoami).legacy.open[id]
	if !ok {
		t.Fatal("no such session")
	}
	return s
}

// One session cannot have any number of messages answered at a time.
func TestMessagesInFlightAreBounded(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	s := openStream(t, l.url, c)
	session := l.legacySession(t, s.sessionID(t))
	for range maxInFlight {
		session.enter()
	}
	if resp := post(t, c, l.url+s.endpoint, pingMessage); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d", resp.StatusCode)
	}
	session.exit()
	if resp := post(t, c, l.url+s.endpoint, pingMessage); resp.StatusCode != 202 {
		t.Errorf("room again: %d", resp.StatusCode)
	}
}
