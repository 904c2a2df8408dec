package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// recorder is an upstream that keeps what it gets.
type recorder struct {
	bodies  chan string
	headers chan http.Header
	answer  http.HandlerFunc
}

func newRecorder(answer http.HandlerFunc) *recorder {
	return &recorder{bodies: make(chan string, 100), headers: make(chan http.Header, 100), answer: answer}
}

func (u *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	u.bodies <- string(body)
	u.headers <- r.Header
	u.answer(w, r)
}

func answerResult(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
}

// Exactly the bytes that were judged go on, and what two readers could read in two ways does
// not go on at all.
func TestGatewayForwardsExactlyWhatItHasJudged(t *testing.T) {
	i := issuer.Start(t)
	up := newRecorder(answerResult)
	l := startGateway(t, i, startUpstream(t, up), func(c *Config) {
		c.ToolScopes = map[string][]string{"delete": {"notes:write"}}
	})
	alice := l.clientFor(t, i, "alice")
	const odd = "\n{ \"id\" : 1.0e0, \"params\" : {\"name\":\"re\\u0061d\", \"arguments\":{\"a\":1e400}} ,\"method\":\"tools\\/call\",\"jsonrpc\":\"2.0\" }\r\n"
	if resp := post(t, alice, l.url+"/mcp", odd, "Mcp-Name", "read"); resp.StatusCode != 200 {
		t.Fatalf("an odd message: %d", resp.StatusCode)
	}
	if got := <-up.bodies; got != odd {
		t.Errorf("%q came as %q", odd, got)
	}
	task := `{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	if resp := post(t, alice, l.url+"/mcp", task, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tasks/get", "Mcp-Name", "t"); resp.StatusCode != 200 {
		t.Fatalf("a task: %d", resp.StatusCode)
	}
	if got := <-up.bodies; got != task {
		t.Errorf("%q came as %q", task, got)
	}
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
	for name, c := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"no scope":           {call, nil, 403},
		"no scope, escaped":  {strings.Replace(call, "delete", `del\u0065te`, 1), nil, 403},
		"doubled":            {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"delete"}}`, nil, 400},
		"doubled inside":     {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"delete"}}`, nil, 400},
		"another case":       {`{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping","params":{"name":"delete"}}`, nil, 400},
		"asks and answers":   {`{"jsonrpc":"2.0","id":5,"method":"ping","result":{}}`, nil, 400},
		"a batch":            {"[" + call + "]", nil, 400},
		"two messages":       {call + call, nil, 400},
		"compressed":         {pingMessage, []string{"Content-Encoding", "gzip"}, 415},
		"another charset":    {pingMessage, []string{"Content-Type", "application/json; charset=utf-16"}, 415},
		"a form":             {pingMessage, []string{"Content-Type", "text/plain"}, 415},
		"another Mcp-Method": {pingMessage, []string{"Mcp-Method", "tools/call"}, 400},
		"another version":    {task, []string{"Mcp-Protocol-Version", "2025-06-18"}, 400},
		"another Mcp-Name":   {strings.Replace(call, "delete", "read", 1), []string{"Mcp-Name", "delete"}, 400},
	} {
		if resp := post(t, alice, l.url+"/mcp", c.body, c.header...); resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	if len(up.bodies) != 0 {
		t.Errorf("%d of these reached the upstream, such as %s", len(up.bodies), <-up.bodies)
	}
	writer := clientWith(t, i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": "alice", "scope": "notes:write"}}))
	if resp := post(t, writer, l.url+"/mcp", call); resp.StatusCode != 200 || <-up.bodies != call {
		t.Errorf("with the scope: %d", resp.StatusCode)
	}
}

// A message runs once, whatever the upstream and the client do. A connection that was
// closed while it was idle costs nothing.
func TestGatewayNeverSendsAMessageTwice(t *testing.T) {
	i := issuer.Start(t)
	up := newRecorder(answerResult)
	cut := make(chan bool, 1)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		if <-cut {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
			return
		}
		answerResult(w, r)
	}
	listener, err := net.Listen("tcp", real.FreeAddress(t)) // nobody else listens there when it is closed
	if err != nil {
		t.Fatal(err)
	}
	idle, closed := make(chan net.Conn, 10), make(chan struct{}, 10)
	srv := &httptest.Server{Listener: listener, Config: &http.Server{Handler: up, ConnState: func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			idle <- c
		case http.StateClosed:
			closed <- struct{}{}
		}
	}}}
	srv.Start()
	t.Cleanup(srv.Close)
	l := startGateway(t, i, srv.URL, nil)
	alice := l.clientFor(t, i, "alice")
	for k, want := range []int{200, 502, 200, 200, 502} {
		cut <- want == 502
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"pay"}}`, k)
		if resp := post(t, alice, l.url+"/mcp", body, "Idempotency-Key", "1", "X-Idempotency-Key", "1"); resp.StatusCode != want {
			t.Errorf("call %d: %d, want %d", k, resp.StatusCode, want)
		}
		if got := <-up.bodies; got != body || len(up.bodies) != 0 {
			t.Errorf("call %d: %q, and %d more", k, got, len(up.bodies))
		}
		if want != 200 {
			continue
		}
		if c := <-idle; k == 2 {
			_ = c.(*net.TCPConn).CloseWrite()
			<-closed // by the gateway, which has seen the end
		}
	}
	srv.Close()
	resp := post(t, alice, l.url+"/mcp", pingMessage)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || l.upstreamUp() {
		t.Errorf("without an upstream: %d, up %v", resp.StatusCode, l.upstreamUp())
	}
}

// A call ends at the upstream when its client leaves, and the other way round.
func TestGatewayEndsWithItsClient(t *testing.T) {
	i := issuer.Start(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(begun)
		<-r.Context().Done()
		close(ended)
	})), nil)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", l.url+"/mcp", strings.NewReader(pingMessage))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	go func() {
		<-begun
		leave()
	}()
	if resp, err := l.clientFor(t, i, "alice").Do(req); err == nil {
		_ = resp.Body.Close()
	}
	<-ended
}
