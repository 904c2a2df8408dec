package protover

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// statelessClient speaks for a client of 2026-07-28 to a server that wants a
// session: it is opened and held here.
type statelessClient struct {
	adapter *Adapter
	ctx     context.Context // ends with close
	stop    context.CancelFunc
	work    sync.WaitGroup
	opening *semaphore.Weighted // a mutex

	subscribing *semaphore.Weighted // a mutex

	mu            sync.Mutex
	session       []byte // raw result of initialize, nil before it
	declared      []byte // raw capabilities said there: the union of all requests so far
	level         string // that the server was set to
	calls         map[*pendingCall]bool
	suspended     map[string]*pendingCall // by requestState
	subscriptions map[*subscription]bool
	watched       map[string]int // subscribed resources, and how many listen
}

func newStatelessClient(adapter *Adapter) *statelessClient {
	c := &statelessClient{
		adapter: adapter, opening: semaphore.NewWeighted(1), subscribing: semaphore.NewWeighted(1), declared: []byte("{}"),
		calls: map[*pendingCall]bool{}, suspended: map[string]*pendingCall{}, subscriptions: map[*subscription]bool{}, watched: map[string]int{},
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

func (c *statelessClient) close() {
	c.mu.Lock()
	c.stop()
	for handle, call := range c.suspended {
		call.expiry.Stop()
		delete(c.suspended, handle)
	}
	c.mu.Unlock()
}

// spawn runs f in a goroutine that wait waits for; after close it does nothing.
func (c *statelessClient) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.work.Go(f)
	}
}

func (c *statelessClient) wait() { c.work.Wait() }

// send carries one message of the client.
func (c *statelessClient) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case m.Kind == jsonrpc.Response, m.Method == "notifications/cancelled":
		return nil // nobody waits for it
	case m.Kind != jsonrpc.Request:
		return c.adapter.cfg.Server.Send(ctx, withParams(m, withoutMeta(m.Params)), sink)
	}
	if err := c.ensure(ctx, m); err != nil {
		return err
	}
	_, resumed := jsonrpc.Text(m.Param("requestState"))
	switch {
	case m.Method == "server/discover":
		sink.Message(newResult(m.ID, c.discovered()))
		return nil
	case m.Method == "subscriptions/listen":
		return c.listen(ctx, m, sink)
	case resumed:
		return c.resume(ctx, m, sink)
	case declined(m.Param("inputResponses")):
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "what the server needs first was declined"))
		return nil
	}
	return c.call(ctx, m, sink)
}

// withoutMeta takes out of params what only 2026-07-28 says, and answers to
// questions that were asked before the request was sent at all.
func withoutMeta(params []byte) []byte {
	params = jsonrpc.Without(params, "inputResponses", "requestState")
	meta := jsonrpc.Member(params, "_meta")
	if meta == nil {
		return orEmpty(params)
	}
	meta = jsonrpc.Without(meta, jsonrpc.MetaRevision, jsonrpc.MetaClientInfo, jsonrpc.MetaCapabilities, metaLogLevel)
	for range jsonrpc.Members(meta) {
		return jsonrpc.With(params, "_meta", meta)
	}
	return jsonrpc.Without(params, "_meta")
}

// ensure opens a session that covers what the client of m can do. A later
// request that can do more opens another one, with all that was declared so
// far; what one request does not declare is not asked of it.
func (c *statelessClient) ensure(ctx context.Context, m jsonrpc.Message) error {
	if c.opening.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer c.opening.Release(1)
	c.mu.Lock()
	stands, union := c.session != nil, c.declared
	c.mu.Unlock()
	known := map[string]bool{}
	for name := range jsonrpc.Members(union) {
		known[name] = true
	}
	var more []jsonrpc.Edit
	for name, value := range jsonrpc.Members(m.Param("_meta", jsonrpc.MetaCapabilities)) {
		if jsonrpc.IsObject(value) && !known[name] {
			more = append(more, jsonrpc.Edit{Name: name, Value: value})
		}
	}
	if stands && len(more) == 0 {
		return nil
	}
	union = jsonrpc.Edited(union, more...)
	session, err := c.open(ctx, union, m.Param("_meta", jsonrpc.MetaClientInfo))
	if err != nil {
		if !stands && (notSupported(err) || errors.As(err, new(*noSessionError))) {
			c.adapter.forget(c) // it may no longer be what it was
		}
		return err
	}
	c.mu.Lock()
	c.session, c.declared, c.level = session, union, ""
	c.mu.Unlock()
	return nil
}

// noSessionError is a server's answer that opens no session.
type noSessionError struct{ error }

// Unwrap returns what people are told.
func (e *noSessionError) Unwrap() error { return e.error }

// open says initialize and notifications/initialized.
func (c *statelessClient) open(ctx context.Context, capabilities, info []byte) (session []byte, err error) {
	if !jsonrpc.IsObject(info) {
		info = []byte(`{"name":"mcp-client","version":"unknown"}`)
	}
	params := jsonrpc.Edited(nil, jsonrpc.Edit{Name: "protocolVersion", Value: jsonrpc.Quote(jsonrpc.LatestSession)},
		jsonrpc.Edit{Name: "capabilities", Value: capabilities}, jsonrpc.Edit{Name: "clientInfo", Value: info})
	m := jsonrpc.NewRequest(jsonrpc.NewID("initialize"), "initialize", params)
	answer, err := jsonrpc.Ask(ctx, c.adapter.cfg.Server.Send, m, nil)
	if err != nil {
		return nil, err
	}
	version, _ := jsonrpc.Text(jsonrpc.Member(answer.Result, "protocolVersion"))
	switch {
	case answer.Error != nil:
		text, _ := jsonrpc.Text(jsonrpc.Member(answer.Error, "message"))
		return nil, &noSessionError{newFailure("the server speaks no revision of the client ("+jsonrpc.Stateless+"), and refused a session of "+jsonrpc.LatestSession+": "+foreign.Quote(text), "")}
	case !jsonrpc.KeepsSession(version):
		return nil, &noSessionError{noCommonRevision([]string{foreign.Line(version)})}
	}
	if err := c.adapter.cfg.Server.Send(ctx, jsonrpc.NewNotification("notifications/initialized", nil), jsonrpc.Discard); err != nil {
		return nil, err
	}
	return answer.Result, nil
}

// discovered describes the server as server/discover does.
func (c *statelessClient) discovered() []byte {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	out := jsonrpc.With(nil, "supportedVersions", jsonrpc.QuoteAll([]string{jsonrpc.Stateless}))
	out = jsonrpc.With(out, "capabilities", jsonrpc.Without(orEmpty(jsonrpc.Member(session, "capabilities")), "tasks"))
	if text := jsonrpc.Member(session, "instructions"); len(text) > 0 && text[0] == '"' {
		out = jsonrpc.With(out, "instructions", text)
	}
	return c.complete("server/discover", out)
}

// serverCan returns a raw member of the server's capabilities.
func (c *statelessClient) serverCan(path ...string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return jsonrpc.Member(jsonrpc.Member(c.session, "capabilities"), path...)
}
