package bridge

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Session and version go onto everything after initialize, the
// GET stream is opened, and the session is deleted at the end.
func TestSessionIDAndVersionOnEveryRequest(t *testing.T) {
	opened := make(chan struct{})
	s := &server{}
	s.get = func(w http.ResponseWriter, r *http.Request) {
		events(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
		close(opened)
		<-r.Context().Done()
	}
	r := newRig(t, s)
	r.send(initialize)
	r.line()
	r.send(initialized, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	<-opened
	got := r.line() + r.line()
	if !strings.Contains(got, "list_changed") || !strings.Contains(got, `"id":1`) {
		t.Error(got)
	}
	r.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.methods[len(s.methods)-1]; last != http.MethodDelete {
		t.Errorf("last was %s", last)
	}
	for i, h := range s.headers[1:] {
		if h.Get("Mcp-Session-Id") != "s1" || h.Get("Mcp-Protocol-Version") != "2025-06-18" {
			t.Errorf("%s: session %q, version %q", s.methods[i+1], h.Get("Mcp-Session-Id"), h.Get("Mcp-Protocol-Version"))
		}
	}
	if h := s.headers[0]; h.Get("Mcp-Session-Id") != "" || h.Get("Accept") != "application/json, text/event-stream" {
		t.Errorf("initialize: %v", h)
	}
}

// Messages after initialize wait for it, and what follows initialized for that.
func TestInitializeIsABarrier(t *testing.T) {
	release := make(chan struct{})
	s := &server{on: handlers{
		"initialize": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			<-release
			answer(w, id, `{"protocolVersion":"2025-06-18"}`)
		},
	}}
	r := newRig(t, s)
	r.send(initialize, initialized, `{"id":1,"method":"a"}`)
	close(release)
	r.line()
	r.line()
	if got := strings.Join(s.seen(), ", "); !strings.HasPrefix(got, "POST initialize, POST notifications/initialized, ") {
		t.Error(got)
	}
}

// Server-to-client requests travel on the stream of the call, the client's
// answer is posted.
func TestServerRequestsPassBothWays(t *testing.T) {
	answered := make(chan string, 1)
	s := &server{on: handlers{
		"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			events(w, `data: {"jsonrpc":"2.0","id":"srv","method":"elicitation/create"}`+"\n\n")
			<-answered
			events(w, "data: {\"id\":"+string(id)+",\"result\":{}}\n\n")
		},
		"": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.WriteHeader(http.StatusAccepted)
			answered <- ""
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"x"}`)
	if got := r.line(); !strings.Contains(got, "elicitation/create") {
		t.Fatal(got)
	}
	r.send(`{"jsonrpc":"2.0","id":"srv","result":{"n":1.0}}`)
	if got := r.line(); got != `{"id":1,"result":{}}` {
		t.Error(got)
	}
	if s.bodies[1] != `{"jsonrpc":"2.0","id":"srv","result":{"n":1.0}}` {
		t.Error(s.bodies[1])
	}
}

// A request of 2026-07-28 gets the headers of that revision and
// no session.
func TestStatelessRequestHasItsHeadersAndNoSession(t *testing.T) {
	s := &server{}
	r := newRig(t, s)
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	for _, line := range []string{
		`{"id":1,"method":"server/discover","params":{` + meta + `}}`,
		`{"id":2,"method":"tools/call","params":{"name":"a b",` + meta + `}}`,
		`{"id":3,"method":"tools/call","params":{"name":" é",` + meta + `}}`,
		`{"id":4,"method":"resources/read","params":{"uri":"file:///x%20y",` + meta + `}}`,
		`{"id":5,"method":"tasks/get","params":{"taskId":"t-5",` + meta + `}}`,
		`{"id":6,"method":"tasks/update","params":{"taskId":"t-6",` + meta + `}}`,
		`{"id":7,"method":"tasks/cancel","params":{"taskId":"t-7",` + meta + `}}`,
	} {
		r.send(line)
		r.line()
	}
	want := [][2]string{{"server/discover", ""}, {"tools/list", ""}, {"tools/call", "a b"}, {"tools/call", "=?base64?IMOp?="}, {"resources/read", "file:///x%20y"}, {"tasks/get", "t-5"}, {"tasks/update", "t-6"}, {"tasks/cancel", "t-7"}}
	if len(s.headers) != len(want) {
		t.Fatalf("%d requests came", len(s.headers))
	}
	for i, h := range s.headers {
		if h.Get("Mcp-Protocol-Version") != "2026-07-28" || h.Get("Mcp-Method") != want[i][0] || h.Get("Mcp-Name") != want[i][1] || h.Get("Mcp-Session-Id") != "" {
			t.Errorf("%d: %v", i, h)
		}
	}
}
