package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-login/internal/bridge/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a bridge between a test and an HTTP handler.
type rig struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	pipe *io.PipeReader
	done chan error
	once sync.Once
}

type rigOption func(*Config, *upstream.Config)

func newRig(t *testing.T, handler http.Handler, options ...rigOption) *rig {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return rigTo(t, srv.URL+"/mcp", options...)
}

func rigTo(t *testing.T, address string, options ...rigOption) *rig {
	t.Helper()
	endpoint, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	wire := &http.Transport{}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	uc := upstream.Config{Endpoint: endpoint, HTTP: &http.Client{Transport: wire, CheckRedirect: upstream.CheckRedirect}, Log: log}
	bc := Config{Log: log, DrainTimeout: 5 * time.Second}
	for _, o := range options {
		o(&bc, &uc)
	}
	if bc.Upstream, err = upstream.New(uc); err != nil {
		t.Fatal(err)
	}
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	r := &rig{t: t, in: inW, out: bufio.NewReader(outR), pipe: outR, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		err := Run(ctx, inR, outW, bc)
		_ = outW.Close()
		r.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		_ = inW.Close()
		_ = outR.Close()
		r.end()
		wire.CloseIdleConnections()
	})
	return r
}

func (r *rig) send(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(r.in, line+"\n"); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) line() string {
	r.t.Helper()
	line, err := r.out.ReadString('\n')
	if err != nil {
		r.t.Fatalf("no line: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (r *rig) end() (err error) {
	r.once.Do(func() { err = <-r.done })
	return err
}

// server answers POSTs by method; what it does not know gets its id back.
type server struct {
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	methods []string // HTTP method and JSON-RPC method
	on      map[string]func(w http.ResponseWriter, r *http.Request, id json.RawMessage)
	get     http.HandlerFunc
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	_ = json.Unmarshal(body, &m)
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	s.headers = append(s.headers, r.Header.Clone())
	s.methods = append(s.methods, strings.TrimSpace(r.Method+" "+m.Method))
	handle := s.on[m.Method]
	if r.Method != http.MethodPost {
		handle = nil
	}
	s.mu.Unlock()
	switch {
	case handle != nil:
		handle(w, r, m.ID)
	case r.Method == http.MethodGet && s.get != nil:
		s.get(w, r)
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Method == http.MethodDelete:
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", "s1")
		answer(w, m.ID, `{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}`)
	default:
		answer(w, m.ID, `{}`)
	}
}

func answer(w http.ResponseWriter, id json.RawMessage, result string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

func events(w http.ResponseWriter, stream string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, stream)
	w.(http.Flusher).Flush()
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.methods...)
}

const (
	initialize  = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// Promise 1, P7: bytes travel both ways unchanged.
func TestFidelity(t *testing.T) {
	corpus := []string{
		`{"jsonrpc":"2.0","id":9007199254740993,"method":"x","params":{"n":12345678901234567890,"f":1.0,"e":1e400}}`,
		`{"id":123456789012345678901234567890,"method":"x","jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1.0,"method":"x"}`,
		`{"jsonrpc":"2.0","id":"","method":"x"}`,
		`{"jsonrpc":"2.0","id":"` + strings.Repeat("k", 10_000) + `","method":"x"}`,
		`{"jsonrpc" : "2.0", "z":1, "id":"a\u0062\/","method":"x","params":{"dup":1,"dup":2,"<&>":"\u2028 é"},"unknown":{"a":[ 1 ,2]}}`,
	}
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			fmt.Fprintf(w, `{"extra":1.0,"id":%s,"jsonrpc":"2.0","result":{"big":12345678901234567890,"dup":1,"dup":2}}`, id)
		},
	}}
	r := newRig(t, s)
	for _, line := range corpus {
		r.send(line)
		var m struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal([]byte(line), &m)
		want := `{"extra":1.0,"id":` + string(m.ID) + `,"jsonrpc":"2.0","result":{"big":12345678901234567890,"dup":1,"dup":2}}`
		if got := r.line(); got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, body := range s.bodies {
		if body != corpus[i] {
			t.Errorf("server got %s, want %s", body, corpus[i])
		}
	}
}

// P2, P8, security row 41: what is no message is answered or passed over, and
// the next one works.
func TestP8BadLines(t *testing.T) {
	r := newRig(t, &server{})
	for _, tc := range []struct{ line, code string }{
		{"hello", "-32700"}, {`{"id":1`, "-32700"}, {"\x00", "-32700"}, {`{"id":null,"method":"m"}`, "-32600"}, {`"x"`, "-32600"}, {`{"id":7}`, `"id":7,"error":{"code":-32600`},
	} {
		r.send(tc.line)
		if got := r.line(); !strings.Contains(got, tc.code) {
			t.Errorf("%q: %s", tc.line, got)
		}
	}
	r.send("", "  ", "\r", "\t", `{"jsonrpc":"2.0","id":1,"method":"x"}`+"\r")
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Error(got)
	}
}

// P5: a line and an answer of many megabytes.
func TestP5LargeMessages(t *testing.T) {
	text := strings.Repeat("x", 20<<20)
	for _, asEvents := range []bool{false, true} {
		s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
			"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				if asEvents {
					events(w, `data: {"id":`+string(id)+`,"result":"`+text+"\"}\n\n")
				} else {
					answer(w, id, `"`+text+`"`)
				}
			},
		}}
		r := newRig(t, s)
		r.send(`{"jsonrpc":"2.0","id":1,"method":"x","params":"` + text + `"}`)
		if got := r.line(); len(got) < len(text) {
			t.Errorf("%d bytes", len(got))
		}
		if len(s.bodies[0]) < len(text) {
			t.Errorf("server got %d bytes", len(s.bodies[0]))
		}
	}
}

// P1: pretty-printed answers and multi-line events become one line.
func TestP1OneLine(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"a": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			answer(w, id, "{\r\n  \"a\": \"x\\ny\"\n}")
		},
		"b": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			events(w, "data: {\"id\":"+string(id)+",\ndata: \"result\":{}}\n\n")
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"a"}`)
	if got := r.line(); !strings.Contains(got, `{  "a": "x\ny"}`) {
		t.Error(got)
	}
	r.send(`{"id":2,"method":"b"}`)
	if got := r.line(); got != `{"id":2,"result":{}}` {
		t.Error(got)
	}
}

// G1, G2, G4, G6: session and version go onto everything after initialize, the
// GET stream is opened, and the session is deleted at the end.
func TestG2Session(t *testing.T) {
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
	_ = r.in.Close()
	if err := r.end(); err != nil {
		t.Error(err)
	}
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
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
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

// G3, security row 36: a forgotten session is replaced once for eight calls.
func TestG3SessionLost(t *testing.T) {
	var mu sync.Mutex
	session := 1
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){}}
	s.on["initialize"] = func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Mcp-Session-Id", fmt.Sprintf("s%d", session))
		answer(w, id, `{"protocolVersion":"2025-06-18"}`)
	}
	s.on["x"] = func(w http.ResponseWriter, r *http.Request, id json.RawMessage) {
		mu.Lock()
		current := fmt.Sprintf("s%d", session)
		mu.Unlock()
		if r.Header.Get("Mcp-Session-Id") != current {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer(w, id, `{}`)
	}
	r := newRig(t, s)
	r.send(initialize)
	r.line()
	r.send(initialized, `{"id":"a","method":"x"}`)
	r.line()
	mu.Lock()
	session = 2
	mu.Unlock()
	for i := range 8 {
		r.send(fmt.Sprintf(`{"id":%d,"method":"x"}`, i))
	}
	for range 8 {
		if got := r.line(); !strings.Contains(got, `"result"`) {
			t.Error(got)
		}
	}
	n := 0
	for _, m := range s.seen() {
		if m == "POST initialize" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d times initialize", n)
	}
}

// Order: notifications of a request come before its answer, as they came.
func TestNotificationsBeforeAnswer(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "data: {\"method\":\"notifications/progress\",\"params\":{\"progress\":%d}}\n\n", i)
			}
			fmt.Fprintf(&b, "data: {\"id\":%s,\"result\":{}}\n\n", id)
			events(w, b.String())
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"x"}`)
	for i := range 1000 {
		if got := r.line(); !strings.HasSuffix(got, fmt.Sprintf(`{"progress":%d}}`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
	if got := r.line(); got != `{"id":1,"result":{}}` {
		t.Error(got)
	}
}

// G7, G8, security row 35: a stream that broke after an event id is resumed,
// the call is not sent twice.
func TestG7Resume(t *testing.T) {
	for _, broken := range []bool{false, true} {
		s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
			"x": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				events(w, "id: e1\nretry: 10\ndata:\n\n")
				if broken {
					panic(http.ErrAbortHandler)
				}
			},
		}}
		s.get = func(w http.ResponseWriter, r *http.Request) {
			if id := r.Header.Get("Last-Event-ID"); id != "e1" {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			events(w, "data: {\"id\":1,\"result\":{\"resumed\":true}}\n\n")
		}
		r := newRig(t, s)
		r.send(`{"id":1,"method":"x"}`)
		if got := r.line(); got != `{"id":1,"result":{"resumed":true}}` {
			t.Error(got)
		}
		if got := strings.Join(s.seen(), ", "); got != "POST x, GET" {
			t.Error(got)
		}
	}
}

// Security row 34: without an id it ends in an error at once, and the request
// is not repeated.
func TestRow34CutStream(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"tools/call": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			events(w, ": hello\n\n")
			panic(http.ErrAbortHandler)
		},
		"nothing": func(http.ResponseWriter, *http.Request, json.RawMessage) { panic(http.ErrAbortHandler) },
		"json": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":2,"res`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"tools/call"}`)
	if got := r.line(); !strings.Contains(got, `"id":1`) || !strings.Contains(got, fmt.Sprint(CodeInterrupted)) {
		t.Error(got)
	}
	for _, method := range []string{"json", "nothing"} {
		r.send(`{"id":2,"method":"` + method + `"}`)
		if got := r.line(); !strings.Contains(got, `"id":2`) || !strings.Contains(got, fmt.Sprint(CodeInterrupted)) {
			t.Error(got)
		}
	}
	if got := strings.Join(s.seen(), ", "); got != "POST tools/call, POST json, POST nothing" {
		t.Error(got)
	}
}

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

// Server-to-client requests travel on the stream of the call, the client's
// answer is posted.
func TestServerRequest(t *testing.T) {
	answered := make(chan string, 1)
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
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

// P10, G9: a cancelled request is told to the server and gets no answer.
func TestG9Cancel(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"slow": func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			close(begun)
			<-r.Context().Done()
			close(gone)
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":0,"method":"warm"}`)
	r.line()
	r.send(`{"id":1,"method":"slow"}`)
	<-begun
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	<-gone
	r.send(`{"id":2,"method":"x"}`)
	if got := r.line(); !strings.Contains(got, `"id":2`) {
		t.Error(got)
	}
	if got := strings.Join(s.seen(), ", "); !strings.Contains(got, "POST notifications/cancelled") {
		t.Error(got)
	}
}

// P13, P14: at the end of stdin what is under way is answered within the
// drain, what waits for a person is not waited for.
func TestP13EndOfInput(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"slow": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) { answer(w, id, `"late"`) },
		"hang": func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) { <-r.Context().Done() },
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"slow"}`)
	_ = r.in.Close()
	if got := r.line(); !strings.Contains(got, "late") {
		t.Error(got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	r = newRig(t, s, func(b *Config, _ *upstream.Config) {
		b.DrainTimeout = time.Hour
		b.AwaitingPerson = func() bool { return true }
	})
	r.send(`{"id":1,"method":"hang"}`)
	_ = r.in.Close()
	if got := r.line(); !strings.Contains(got, `"code":1007`) {
		t.Error(got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// EPIPE: a client that has gone ends the run.
func TestClientGone(t *testing.T) {
	r := newRig(t, &server{})
	_ = r.pipe.CloseWithError(errors.New("gone"))
	r.send(`{"id":1,"method":"x"}`)
	if err := r.end(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}

// H3 to H5, W1: a request of 2026-07-28 gets the headers of that revision and
// no session.
func TestH4ModernHeaders(t *testing.T) {
	s := &server{}
	r := newRig(t, s)
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	for _, line := range []string{
		`{"id":1,"method":"server/discover","params":{` + meta + `}}`,
		`{"id":2,"method":"tools/call","params":{"name":"a b",` + meta + `}}`,
		`{"id":3,"method":"tools/call","params":{"name":" é",` + meta + `}}`,
		`{"id":4,"method":"resources/read","params":{"uri":"file:///x%20y",` + meta + `}}`,
	} {
		r.send(line)
		r.line()
	}
	want := [][2]string{{"server/discover", ""}, {"tools/call", "a b"}, {"tools/call", "=?base64?IMOp?="}, {"resources/read", "file:///x%20y"}}
	for i, h := range s.headers {
		if h.Get("Mcp-Protocol-Version") != "2026-07-28" || h.Get("Mcp-Method") != want[i][0] || h.Get("Mcp-Name") != want[i][1] || h.Get("Mcp-Session-Id") != "" {
			t.Errorf("%d: %v", i, h)
		}
	}
}

// One answer each, whatever the order: 500 requests at once.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, &server{})
	r.send(`{"id":"warm","method":"x"}`)
	r.line()
	go func() {
		for i := range 500 {
			fmt.Fprintf(r.in, `{"id":%d,"method":"x"}`+"\n", i)
		}
	}()
	seen := map[string]bool{}
	for range 500 {
		seen[r.line()] = true
	}
	if len(seen) != 500 {
		t.Errorf("%d different answers", len(seen))
	}
}
