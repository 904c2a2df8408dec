package protover

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/jsonrpc"
)

// sessionClient speaks for a client of 2024-11-05 to 2025-11-25 to a server of
// 2026-07-28, which knows no sessions: the client's session is emulated here.
type sessionClient struct {
	adapter *Adapter
	ctx     context.Context // ends with close
	stop    context.CancelFunc
	work    sync.WaitGroup
	opening jsonrpc.Message // the client's initialize
	version string          // that the client was told

	info         []byte // raw clientInfo
	capabilities []byte // raw, as 2026-07-28 has them
	server       []byte // raw capabilities of the server

	subscribing *semaphore.Weighted // a mutex

	mu       sync.Mutex
	level    []byte        // raw log level, nil for none
	uris     []string      // subscribed resources, sorted
	stream   *listenStream // the stream in force, nil for none
	awaiting map[string]chan jsonrpc.Message
}

func newSessionClient(adapter *Adapter, initialize jsonrpc.Message) *sessionClient {
	c := &sessionClient{adapter: adapter, opening: initialize, subscribing: semaphore.NewWeighted(1), awaiting: map[string]chan jsonrpc.Message{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.version, _ = jsonrpc.Text(initialize.Param("protocolVersion"))
	if !slices.Contains(jsonrpc.SessionRevisions, c.version) {
		c.version = jsonrpc.LatestSession
	}
	if c.info = initialize.Param("clientInfo"); !jsonrpc.IsObject(c.info) {
		c.info = []byte(`{"name":"mcp-client","version":"unknown"}`)
	}
	c.capabilities = statelessCapabilities(initialize.Param("capabilities"), c.version)
	return c
}

// statelessCapabilities says in words of 2026-07-28 what a client of version
// can do: extensions as they are, tasks never.
func statelessCapabilities(declared []byte, version string) []byte {
	var out []jsonrpc.Edit
	add := func(name string, value []byte) { out = append(out, jsonrpc.Edit{Name: name, Value: value}) }
	for name, value := range jsonrpc.Members(declared) {
		if !jsonrpc.IsObject(value) {
			continue
		}
		switch name {
		case "experimental", "sampling", "extensions":
			add(name, value)
		case "roots":
			add(name, []byte("{}"))
		case "elicitation":
			switch {
			case version < "2025-06-18": // did not exist
			case version < "2025-11-25": // knew forms only
				add(name, []byte("{}"))
			default:
				add(name, value)
			}
		}
	}
	return jsonrpc.Edited([]byte("{}"), out...)
}

// discover is the client's initialize, as 2026-07-28 asks it.
func (c *sessionClient) discover() jsonrpc.Message {
	params := []byte(`{}`)
	if token := c.opening.Param("_meta", "progressToken"); token != nil {
		params = jsonrpc.With(params, "_meta", jsonrpc.With(nil, "progressToken", token))
	}
	return jsonrpc.NewRequest(jsonrpc.NewID("discover"), "server/discover", c.withMeta(params))
}

// offer is the client's initialize, as a server of 2026-07-28 may get it: with what
// every request there has to say (Basic Protocol, _meta), and the revision that the
// client wants. Servers of both kinds go by that revision.
func (c *sessionClient) offer() jsonrpc.Message {
	return withParams(c.opening, c.withMetaOf(c.version, c.opening.Params))
}

// withMeta puts into params what every request of 2026-07-28 says about its client (Base
// Protocol, _meta); what else stands in _meta stays.
func (c *sessionClient) withMeta(params []byte) []byte {
	return c.withMetaOf(jsonrpc.Stateless, params)
}

func (c *sessionClient) withMetaOf(version string, params []byte) []byte {
	meta := []jsonrpc.Edit{{Name: jsonrpc.MetaRevision, Value: jsonrpc.Quote(version)}, {Name: jsonrpc.MetaClientInfo, Value: c.info}, {Name: jsonrpc.MetaCapabilities, Value: c.capabilities}}
	c.mu.Lock()
	level := c.level
	c.mu.Unlock()
	if level != nil {
		meta = append(meta, jsonrpc.Edit{Name: metaLogLevel, Value: level})
	}
	return jsonrpc.With(params, "_meta", jsonrpc.Edited(jsonrpc.Member(params, "_meta"), meta...))
}

// begin makes the answer to initialize out of the server's description of
// itself. It is called once.
func (c *sessionClient) begin(discovered jsonrpc.Message) jsonrpc.Message {
	c.server = jsonrpc.Without(orEmpty(jsonrpc.Member(discovered.Result, "capabilities")), "tasks")
	answer := jsonrpc.With(nil, "protocolVersion", jsonrpc.Quote(c.version))
	answer = jsonrpc.With(answer, "capabilities", c.server)
	answer = jsonrpc.With(answer, "serverInfo", c.serverInfo(discovered.Result))
	if text := jsonrpc.Member(discovered.Result, "instructions"); len(text) > 0 && text[0] == '"' {
		answer = jsonrpc.With(answer, "instructions", text)
	}
	if meta := jsonrpc.Member(discovered.Result, "_meta"); jsonrpc.IsObject(meta) {
		answer = jsonrpc.With(answer, "_meta", meta)
	}
	return newResult(c.opening.ID, answer)
}

// serverInfo is what the server says of itself. Sessions require it, 2026-07-28
// does not.
func (c *sessionClient) serverInfo(discovered []byte) []byte {
	for _, info := range [][]byte{jsonrpc.Member(discovered, "_meta", metaServer), jsonrpc.Member(discovered, "serverInfo")} {
		_, named := jsonrpc.Text(jsonrpc.Member(info, "name"))
		_, versioned := jsonrpc.Text(jsonrpc.Member(info, "version"))
		if named && versioned {
			return info
		}
	}
	name := c.adapter.cfg.Name
	if name == "" {
		name = "remote server"
	}
	return jsonrpc.With(jsonrpc.With(nil, "name", jsonrpc.Quote(name)), "version", []byte(`"unknown"`))
}

// send carries one message of the client, or answers it where 2026-07-28
// knows no such thing.
func (c *sessionClient) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch m.Kind {
	case jsonrpc.Response:
		c.takeResponse(m)
		return nil
	case jsonrpc.Request:
		return c.request(ctx, m, sink)
	}
	switch m.Method {
	case "notifications/initialized":
		c.listen()
		return nil
	case "notifications/cancelled", "notifications/roots/list_changed", "notifications/progress":
		return nil // the end of the request's stream says it
	}
	return c.adapter.cfg.Server.Send(ctx, withParams(m, c.withMeta(m.Params)), sink)
}

func (c *sessionClient) request(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch m.Method {
	case "ping":
		sink.Message(newResult(m.ID, []byte("{}")))
		return nil
	case "logging/setLevel":
		sink.Message(c.setLevel(m))
		return nil
	case "resources/subscribe", "resources/unsubscribe":
		return c.subscription(ctx, m, sink)
	}
	if m.Params != nil && !jsonrpc.IsObject(m.Params) {
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "params must be an object"))
		return nil
	}
	return c.roundTrips(ctx, m, sink)
}

// setLevel remembers the level for later requests.
func (c *sessionClient) setLevel(m jsonrpc.Message) jsonrpc.Message {
	if jsonrpc.Member(c.server, "logging") == nil {
		return newError(m.ID, jsonrpc.CodeMethodNotFound, "the server does not send logs")
	}
	level := m.Param("level")
	if name, _ := jsonrpc.Text(level); !slices.Contains(levels, name) {
		return newError(m.ID, jsonrpc.CodeInvalidParams, "unknown log level")
	}
	c.mu.Lock()
	c.level = level
	c.mu.Unlock()
	return newResult(m.ID, []byte("{}"))
}

// levels are those of RFC 5424, most talkative first.
var levels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// unasked passes on; a server of 2026-07-28 says nothing by itself.
func (c *sessionClient) unasked(m jsonrpc.Message) {
	if m.Kind == jsonrpc.Notification {
		c.adapter.tellClient(m)
	}
}

func (c *sessionClient) close() {
	c.mu.Lock()
	c.stop() // no stream is opened meanwhile
	c.mu.Unlock()
}

func (c *sessionClient) wait() { c.work.Wait() }
