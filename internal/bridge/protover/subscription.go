package protover

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"mcp-login/internal/jsonrpc"
)

// subscription is one subscriptions/listen of the client (MCP 2026-07-28, Subscriptions).
type subscription struct {
	id     []byte // raw, stands in every message
	agreed []byte // filter
	uris   []string

	mu   sync.Mutex // while something is delivered
	sink jsonrpc.Sink
}

// listen acknowledges what the server's session can give, and stays until the
// client ends it or the bridge does.
func (c *statelessClient) listen(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	wanted := m.Param("notifications")
	agreed := []byte("{}")
	for _, list := range lists {
		if string(jsonrpc.Member(wanted, list.filter)) == "true" && string(c.serverCan(list.capability, "listChanged")) == "true" {
			agreed = jsonrpc.With(agreed, list.filter, []byte("true"))
		}
	}
	one := &subscription{id: m.ID, sink: sink}
	if string(c.serverCan("resources", "subscribe")) == "true" {
		if err := c.watch(ctx, one, texts(jsonrpc.Member(wanted, "resourceSubscriptions"))); err != nil {
			return err
		}
		if len(one.uris) > 0 {
			agreed = jsonrpc.With(agreed, "resourceSubscriptions", jsonrpc.QuoteAll(one.uris))
		}
	}
	one.agreed = agreed
	one.mu.Lock() // nothing comes before the acknowledgement
	c.mu.Lock()
	c.subscriptions[one] = true
	c.mu.Unlock()
	sink.Message(one.tagged(jsonrpc.NewNotification("notifications/subscriptions/acknowledged", jsonrpc.With(nil, "notifications", agreed))))
	one.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	delete(c.subscriptions, one)
	c.mu.Unlock()
	if !errors.Is(context.Cause(ctx), context.Canceled) { // the bridge ends, not the client: say so
		sink.Message(newResult(m.ID, jsonrpc.With([]byte(`{"resultType":"complete"}`), "_meta", jsonrpc.With(nil, metaSubscription, m.ID))))
		return nil
	}
	c.spawn(func() { c.unwatch(one) })
	return context.Cause(ctx)
}

// tagged says in a notification which subscription it belongs to.
func (s *subscription) tagged(m jsonrpc.Message) jsonrpc.Message {
	meta := jsonrpc.With(m.Param("_meta"), metaSubscription, s.id)
	return withParams(m, jsonrpc.With(m.Params, "_meta", meta))
}

// wants reports whether the subscription asks for a notification.
func (s *subscription) wants(m jsonrpc.Message) bool {
	if m.Method == "notifications/resources/updated" {
		return len(s.uris) > 0 // of what was subscribed to, or of parts of it
	}
	for _, list := range lists {
		if list.changed == m.Method {
			return string(jsonrpc.Member(s.agreed, list.filter)) == "true"
		}
	}
	return false
}

// watch subscribes to resources at the server; those it refuses are left out.
func (c *statelessClient) watch(ctx context.Context, one *subscription, uris []string) error {
	if c.subscribing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer c.subscribing.Release(1)
	for _, uri := range uris[:min(len(uris), maxURIs)] {
		if slices.Contains(one.uris, uri) {
			continue
		}
		if c.count(uri, 0) == 0 {
			if ok, err := c.request(ctx, "resources/subscribe", "uri", uri); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		c.count(uri, 1)
		one.uris = append(one.uris, uri)
	}
	return nil
}

// unwatch ends the subscriptions that nobody else has.
func (c *statelessClient) unwatch(one *subscription) {
	ctx, stop := context.WithTimeout(c.ctx, farewellTimeout)
	defer stop()
	if c.subscribing.Acquire(ctx, 1) != nil {
		return
	}
	defer c.subscribing.Release(1)
	for _, uri := range one.uris {
		if c.count(uri, -1) == 0 {
			if _, err := c.request(ctx, "resources/unsubscribe", "uri", uri); err != nil {
				c.adapter.log.Debug("a subscription was not ended", "error", err)
			}
		}
	}
}

func (c *statelessClient) count(uri string, change int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.watched[uri] + change
	if c.watched[uri] = left; left == 0 {
		delete(c.watched, uri)
	}
	return left
}

// request sends a request of our own with one parameter; ok is a result.
func (c *statelessClient) request(ctx context.Context, method, name, value string) (ok bool, err error) {
	m := jsonrpc.NewRequest(jsonrpc.NewID("request"), method, jsonrpc.With(nil, name, jsonrpc.Quote(value)))
	answer, err := jsonrpc.Ask(ctx, c.adapter.cfg.Server.Send, m, nil)
	return answer.Result != nil, err
}

// unasked takes what comes on the server's own stream.
func (c *statelessClient) unasked(m jsonrpc.Message) {
	switch {
	case m.Kind == jsonrpc.Request:
		c.takeRequest(nil, m)
	case m.Kind != jsonrpc.Notification:
	case m.Method == "notifications/cancelled":
		c.mu.Lock()
		under := slices.Collect(maps.Keys(c.calls))
		c.mu.Unlock()
		for _, call := range under {
			call.withdraw(jsonrpc.Key(m.Param("requestId")))
		}
	case m.Method == "notifications/progress":
		token := jsonrpc.Key(m.Param("progressToken"))
		if call := c.only(func(call *pendingCall) bool { return call.first == token }); call != nil {
			call.notify(m)
		}
	case m.Method == "notifications/message":
		if call := c.only(func(*pendingCall) bool { return true }); call != nil && call.wantsLog(m) {
			call.notify(m)
		}
	default:
		c.mu.Lock()
		all := slices.Collect(maps.Keys(c.subscriptions))
		c.mu.Unlock()
		for _, one := range all {
			if one.wants(m) {
				one.mu.Lock()
				one.sink.Message(one.tagged(m))
				one.mu.Unlock()
			}
		}
	}
}
