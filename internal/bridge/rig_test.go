package bridge

import (
	"bufio"
	"context"
	"encoding/json"
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

	"mcp-login/internal/bridge/protover"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
	"mcp-login/test/leak"
	"mcp-login/test/lines"
)

func TestMain(m *testing.M) { leak.Main(m) }

// rig is a bridge between a test and an HTTP handler.
type rig struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	pipe *io.PipeReader
	done chan error
	once sync.Once
}

// translated in a Config stands for a protover stage in front of the upstream.
type translated struct{ jsonrpc.Stage }

func withTranslation(c *Config, _ *upstream.Config) { c.Server = translated{} }

// hiding is a Filter in front of the upstream.
func hiding(f Filter) rigOption {
	return func(c *Config, _ *upstream.Config) { c.Server = filterStage{filter: f} }
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
	uc := upstream.Config{Endpoint: endpoint, HTTP: &http.Client{Transport: wire}, Log: log}
	bc := Config{Log: log, DrainTimeout: 5 * time.Second}
	for _, o := range options {
		o(&bc, &uc)
	}
	remote, err := upstream.New(uc)
	if err != nil {
		t.Fatal(err)
	}
	switch stage := bc.Server.(type) {
	case translated:
		bc.Server = protover.New(protover.Config{Server: remote, Log: log})
	case filterStage:
		bc.Server = stage.filter.Stage(remote)
	default:
		bc.Server = remote
	}
	t.Cleanup(wire.CloseIdleConnections)
	return start(t, bc)
}

// start runs a bridge until the test ends.
func start(t *testing.T, cfg Config) *rig {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	r := &rig{t: t, in: inW, out: bufio.NewReader(outR), pipe: outR, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		err := Run(ctx, inR, outW, cfg)
		_ = outW.Close()
		r.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		_ = inW.Close()
		_ = outR.Close()
		r.end()
	})
	return r
}

func (r *rig) send(each ...string) { r.t.Helper(); lines.Send(r.t, r.in, each...) }

func (r *rig) line() string { r.t.Helper(); return lines.Read(r.t, r.out) }

func (r *rig) end() (err error) {
	r.once.Do(func() { err = <-r.done })
	return err
}

// close ends the input and waits for the run.
func (r *rig) close() {
	r.t.Helper()
	_ = r.in.Close()
	if err := r.end(); err != nil {
		r.t.Error(err)
	}
}

// handlers answer requests by their method.
type handlers map[string]func(w http.ResponseWriter, r *http.Request, id json.RawMessage)

// results answers each request with a result.
func results(result string) func(http.ResponseWriter, *http.Request, json.RawMessage) {
	return func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) { answer(w, id, result) }
}

// server answers POSTs by method; what it does not know gets its id back.
type server struct {
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	methods []string // HTTP method and JSON-RPC method
	on      handlers
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
