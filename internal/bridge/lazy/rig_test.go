package lazy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"mcp-login/internal/jsonrpc"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// memory is a Memory whose records outlive a run.
type memory struct {
	mu      sync.Mutex
	owner   string
	records map[string][]byte
	kept    int // how often
}

func newMemory() *memory { return &memory{owner: "alice", records: map[string][]byte{}} }

func (m *memory) is(owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owner = owner
}

func (m *memory) Owner() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owner
}

func (m *memory) Recall(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[name]
}

func (m *memory) Keep(name string, record []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[name] = record
	m.kept++
}

// server is a stage that answers by what stands in it, and writes down what it hears.
type server struct {
	mu      sync.Mutex
	heard   []string // raw
	answers map[string]string
	unasked jsonrpc.Sink
	// before is called with each request before it is answered; an error ends it.
	before func(ctx context.Context, m jsonrpc.Message) error
}

// description is the result of initialize.
const description = `{"protocolVersion":"2025-06-18", "capabilities":{"tools":{}, "prompts":{"listChanged":false},"resources":{"subscribe":true},"x":1},"serverInfo":{"name":"real","version":"9"}}`

// newServer has all four lists, tools on two pages.
func newServer() *server {
	return &server{answers: map[string]string{
		"initialize":               `"result":` + description,
		"tools/list":               `"result":{"tools":[{"name":"a","n":1.0}, {"name":"b"}],"nextCursor":"p2","x":1}`,
		"tools/list p2":            `"result":{"tools":[{"name":"c"}]}`,
		"prompts/list":             `"result":{"prompts":[{"name":"p"}]}`,
		"resources/list":           `"result":{"resources":[{"uri":"r:1"}]}`,
		"resources/templates/list": `"error":{"code":-32601,"message":"no such list"}`,
	}}
}

func (s *server) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	s.mu.Lock()
	s.heard = append(s.heard, string(m.Raw))
	key := m.Method
	if cursor, ok := jsonrpc.Text(m.Param("cursor")); ok {
		key += " " + cursor
	}
	answer, ok := s.answers[key]
	before := s.before
	s.mu.Unlock()
	if m.Kind != jsonrpc.Request {
		return nil
	}
	if before != nil {
		if err := before(ctx, m); err != nil {
			return err
		}
	}
	if !ok {
		answer = `"result":{}`
	}
	sink.Message(jsonrpc.Built(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, answer)))
	return nil
}

func (s *server) Unasked(sink jsonrpc.Sink) { s.unasked = sink }

func (s *server) Close(context.Context) error { return nil }

// set changes what is answered to a method.
func (s *server) set(method, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[method] = answer
}

// methods are those that were heard, in their order, since the last time.
func (s *server) methods() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range s.heard {
		all = append(all, jsonrpc.Built([]byte(raw)).Method)
	}
	s.heard = nil
	return all
}

// client speaks to a stage, one request after the other.
type client struct {
	t     *testing.T
	stage *Stage
	id    int

	mu   sync.Mutex
	said []string // what the server said unasked, by method
}

// run is one run of the bridge for a client.
func run(t *testing.T, s jsonrpc.Stage, m *memory, change ...func(*Config)) *client {
	t.Helper()
	cfg := Config{Server: s, Memory: m}
	for _, f := range change {
		f(&cfg)
	}
	c := &client{t: t, stage: New(cfg)}
	c.stage.Unasked(jsonrpc.SinkFunc(func(m jsonrpc.Message) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.said = append(c.said, m.Method)
	}))
	return c
}

// told is what the client was told unasked, when nothing moves any more.
func (c *client) told() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.said)
}

func (c *client) end() {
	c.t.Helper()
	if err := c.stage.Close(c.t.Context()); err != nil {
		c.t.Error(err)
	}
}

// ask sends a request and returns the raw answer without its envelope, or the error.
func (c *client) ask(method, params string) string {
	c.id++
	m := jsonrpc.Built(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, c.id, method, params))
	return c.send(c.t.Context(), m)
}

func (c *client) send(ctx context.Context, m jsonrpc.Message) string {
	answer, err := jsonrpc.Ask(ctx, jsonrpc.First(c.stage, m).Send, m, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	text, _ := strings.CutPrefix(string(answer.Raw), fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,`, m.ID))
	return strings.TrimSuffix(text, "}")
}

func (c *client) notify(method, params string) {
	m := jsonrpc.NewNotification(method, []byte(params))
	if err := jsonrpc.First(c.stage, m).Send(c.t.Context(), m, jsonrpc.Discard); err != nil {
		c.t.Error(err)
	}
}

const clientParams = `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`

// begin is how a client with sessions starts.
func (c *client) begin() string {
	answer := c.ask("initialize", clientParams)
	c.notify("notifications/initialized", "{}")
	return answer
}

// list asks for all lists, page by page, and returns them without their cursors.
func (c *client) list(method, member string) string {
	params, all := "{}", ""
	for {
		answer := c.ask(method, params)
		result := jsonrpc.Member([]byte("{"+answer+"}"), "result")
		if result == nil {
			return answer
		}
		for e := range jsonrpc.Elements(jsonrpc.Member(result, member)) {
			all += string(e)
		}
		next := nextPage(result)
		if next == "" {
			return all
		}
		params = `{"cursor":"` + next + `"}`
	}
}

func (c *client) lists() (all []string) {
	for _, l := range lists {
		all = append(all, c.list(l.method, l.member))
	}
	return all
}

// learned is a memory that knows the server from a run before.
func learned(t *testing.T, s *server) *memory {
	t.Helper()
	m := newMemory()
	c := run(t, s, m)
	c.begin()
	c.lists()
	c.end()
	s.methods()
	return m
}

// standIn is a server whose initialize goes on after its answer, as that of package signin.
type standIn struct {
	*server
	signed chan struct{}
}

func (s standIn) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := s.server.Send(ctx, m, sink)
	if m.Method == "initialize" {
		select {
		case <-s.signed:
		case <-ctx.Done():
		}
	}
	return err
}
