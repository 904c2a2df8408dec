package signin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/bridge"
	"mcp-login/internal/jsonrpc"
	"mcp-login/test/leak"
	"mcp-login/test/lines"
)

func TestMain(m *testing.M) { leak.Main(m) }

// rig is a client of a bridge whose server is behind a Stage.
type rig struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	ends func() error
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	inR, in := io.Pipe()
	outR, outW := io.Pipe()
	stage := New(cfg)
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		err := bridge.Run(ctx, inR, outW, bridge.Config{Server: stage, SignIn: stage})
		_ = outW.Close()
		done <- err
	}()
	r := &rig{t: t, in: in, out: bufio.NewReader(outR)}
	r.ends = sync.OnceValue(func() error {
		_ = in.Close()
		go func() { _, _ = io.Copy(io.Discard, outR) }()
		return <-done
	})
	t.Cleanup(func() {
		stop()
		if err := r.ends(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) send(each ...string) { r.t.Helper(); lines.Send(r.t, r.in, each...) }

func (r *rig) line() string { r.t.Helper(); return lines.Read(r.t, r.out) }

// listsChange reads the notifications that the lists have changed.
func (r *rig) listsChange() {
	r.t.Helper()
	for _, list := range []string{"tools", "prompts", "resources"} {
		if got := r.line(); got != `{"jsonrpc":"2.0","method":"notifications/`+list+`/list_changed"}` {
			r.t.Error(got)
		}
	}
}

// kept is a Results in memory.
type kept struct {
	mu    sync.Mutex
	known map[string]string
}

func (k *kept) Recall(version string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []byte(k.known[version])
}

func (k *kept) Remember(version string, result []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[version] = string(result)
}

// server is one whose initialize waits for a person, and its server/discover for ever.
type server struct {
	pending atomic.Bool
	signed  chan string // the answer to initialize: its result, or "" for a refusal
	probed  chan struct{}
	results kept

	mu      sync.Mutex
	methods []string
}

func newServer() *server {
	s := &server{signed: make(chan string), probed: make(chan struct{}, 1), results: kept{known: map[string]string{}}}
	s.pending.Store(true)
	return s
}

func (s *server) rig(t *testing.T) *rig { return newRig(t, s.config()) }

func (s *server) config() Config {
	return Config{
		Server: s, Results: &s.results,
		Patience: func(string) time.Duration { return time.Nanosecond },
		Pending: func() (Pending, bool) {
			return Pending{URL: "https://login.example/a?b=1&c=2", UserCode: "WDJB-MJHT"}, s.pending.Load()
		},
	}
}

func (s *server) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	s.mu.Lock()
	s.methods = append(s.methods, m.Method)
	s.mu.Unlock()
	result := "{}"
	switch {
	case m.Kind != jsonrpc.Request:
		return nil
	case m.Method == "server/discover":
		s.probed <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	case m.Method == "initialize":
		select {
		case result = <-s.signed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if result == "" {
			return errors.New("nobody has signed in")
		}
	}
	sink.Message(jsonrpc.Built(jsonrpc.Result(m.ID, result)))
	return nil
}

func (s *server) Unasked(jsonrpc.Sink) {}

func (s *server) Close(context.Context) error { return nil }

func (s *server) heard(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(strings.Join(s.methods, "\n")+"\n", method+"\n")
}

const (
	realResult  = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"real","version":"9"}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	callSignIn  = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + Tool + `"}}`
)

func initializeLine(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, id)
}
