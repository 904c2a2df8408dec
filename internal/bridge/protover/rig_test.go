package protover

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/jsonrpc"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// remote is a server in the test's own hand: every message comes to on.
type remote struct {
	mu      sync.Mutex
	sent    []jsonrpc.Message
	probes  []jsonrpc.Message
	offered int  // initialize, to a server that has listed 2026-07-28 alone
	strict  bool // it has, and refuses that
	unasked jsonrpc.Sink
	closed  bool

	both  bool // it knows sessions all the same
	on    handler
	probe func(nth int, m jsonrpc.Message) (int, jsonrpc.Message, error)
}

func (r *remote) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	r.mu.Lock()
	if r.strict && m.Method == "initialize" {
		r.offered++
		r.mu.Unlock()
		sink.Message(failure(m, jsonrpc.CodeMethodNotFound, ""))
		return nil
	}
	r.sent = append(r.sent, m)
	r.mu.Unlock()
	if r.on == nil {
		return nil
	}
	return r.on(ctx, m, sink)
}

func (r *remote) Probe(_ context.Context, m jsonrpc.Message) (int, jsonrpc.Message, error) {
	r.mu.Lock()
	r.probes = append(r.probes, m)
	nth := len(r.probes)
	r.mu.Unlock()
	code, answer, err := r.probe(nth, m)
	if list := texts(jsonrpc.Member(answer.Result, "supportedVersions")); !r.both && len(list) == 1 && list[0] == jsonrpc.Stateless {
		r.mu.Lock()
		r.strict = true
		r.mu.Unlock()
	}
	return code, answer, err
}

func (r *remote) Unasked(sink jsonrpc.Sink) { r.unasked = sink }

func (r *remote) Close(context.Context) error {
	r.closed = true
	return nil
}

// methods lists what was sent, answers as their ids.
func (r *remote) methods() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, m := range r.sent {
		if m.Method == "" {
			list = append(list, "answer "+string(m.ID))
		} else {
			list = append(list, m.Method)
		}
	}
	return strings.Join(list, " ")
}

func (r *remote) nth(i int) jsonrpc.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[i]
}

// httpError is a refusal with a status and nothing else.
type httpError int

func (e httpError) Error() string   { return "status" }
func (e httpError) HTTPStatus() int { return int(e) }

// client is the local side: what it was told, in order.
type client struct {
	t       *testing.T
	adapter *Adapter

	changed chan struct{} // holds one when something was told

	mu   sync.Mutex
	told []jsonrpc.Message
}

func newClient(t *testing.T, r *remote, memory Memory) *client {
	t.Helper()
	c := &client{t: t, changed: make(chan struct{}, 1), adapter: New(Config{Server: r, Memory: memory, Name: "host.example"})}
	c.adapter.Unasked(jsonrpc.SinkFunc(c.hear))
	return c
}

func (c *client) hear(m jsonrpc.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, m)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *client) end() {
	if err := c.adapter.Close(context.Background()); err != nil {
		c.t.Error(err)
	}
}

// heard returns and forgets what the client was told.
func (c *client) heard() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, m := range c.told {
		list = append(list, string(m.Raw))
	}
	c.told = nil
	return list
}

// send sends one message and waits for the end of it.
func (c *client) send(ctx context.Context, raw string) error {
	c.t.Helper()
	m, err := jsonrpc.Parse([]byte(raw))
	if err != nil {
		c.t.Fatal(raw, err)
	}
	return jsonrpc.First(c.adapter, m).Send(ctx, m, jsonrpc.SinkFunc(c.hear))
}

// ask sends a request and returns the lines that came for it.
func (c *client) ask(raw string) []string {
	c.t.Helper()
	if err := c.send(c.t.Context(), raw); err != nil {
		c.t.Fatalf("%s: %v", raw, err)
	}
	return c.heard()
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const (
	oldInitialize = `{"jsonrpc":"2.0","id":1.0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{}},"sampling":{},"roots":{"listChanged":true},"tasks":{},"extensions":{"a/b":{}}},"clientInfo":{"name":"c","version":"1","x":1}}}`
	modernMeta    = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
	oldResult     = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{},"tasks":{}},"serverInfo":{"name":"s","version":"2"},"instructions":"hi"}`
)

func reply(m jsonrpc.Message, raw string) jsonrpc.Message { return newResult(m.ID, []byte(raw)) }

func failure(m jsonrpc.Message, code int, data string) jsonrpc.Message {
	raw := `{"code":` + strconv.Itoa(code) + `,"message":"m"`
	if data != "" {
		raw += `,"data":` + data
	}
	return jsonrpc.Built(jsonrpc.WithError(m.ID, []byte(raw+"}")))
}

// handler is what a remote does with a message.
type handler func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error

// replies answers each message with a result.
func replies(result string) handler {
	return func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		sink.Message(reply(m, result))
		return nil
	}
}

// fails answers each message with an error.
func fails(code int) handler {
	return func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		sink.Message(failure(m, code, ""))
		return nil
	}
}

// discovers is a probe function for a server of 2026-07-28.
func discovers(capabilities string, versions ...string) func(int, jsonrpc.Message) (int, jsonrpc.Message, error) {
	return func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 200, reply(m, `{"supportedVersions":["`+strings.Join(versions, `","`)+`"],"capabilities":`+capabilities+`,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}},"instructions":"hi"}`), nil
	}
}

// skips reports whether a message of the client goes past the adapter.
func (c *client) skips(raw string) bool {
	return jsonrpc.First(c.adapter, jsonrpc.Built([]byte(raw))) != jsonrpc.Stage(c.adapter)
}
