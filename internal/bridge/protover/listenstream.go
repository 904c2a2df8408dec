package protover

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Pauses before a subscription that ended is opened again.
const (
	firstReopen = time.Second
	maxReopen   = 30 * time.Second
	// maxURIs bounds the resources one client subscribes to.
	maxURIs = 1024
)

// listenStream is one subscriptions/listen stream that is kept open (MCP 2026-07-28,
// Subscriptions).
type listenStream struct {
	stop context.CancelFunc
	// granted is the filter that the server honours, or why there is none.
	granted *retry.Call[[]byte]
}

// lists are the three lists that may change, as the revisions name them.
var lists = []struct{ capability, filter, changed string }{
	{"tools", "toolsListChanged", "notifications/tools/list_changed"},
	{"prompts", "promptsListChanged", "notifications/prompts/list_changed"},
	{"resources", "resourcesListChanged", "notifications/resources/list_changed"},
}

// filter is what the client wants to hear: every list that the server says may
// change, and the resources it has subscribed to. nil is nothing.
func (c *sessionClient) filter(uris []string) []byte {
	var out []byte
	for _, list := range lists {
		if string(jsonrpc.Member(c.server, list.capability, "listChanged")) == "true" {
			out = jsonrpc.With(out, list.filter, []byte("true"))
		}
	}
	if len(uris) > 0 {
		out = jsonrpc.With(out, "resourceSubscriptions", jsonrpc.QuoteAll(uris))
	}
	return out
}

// listen opens the stream of what the server says by itself, without waiting
// for it.
func (c *sessionClient) listen() {
	c.mu.Lock()
	uris := c.uris
	c.mu.Unlock()
	c.replaceStream(c.openStream(c.filter(uris)))
}

// replaceStream puts a stream in place of the one before, which is closed: the new
// one stands already, so that nothing is missed.
func (c *sessionClient) replaceStream(stream *listenStream) {
	c.mu.Lock()
	before := c.stream
	c.stream = stream
	c.mu.Unlock()
	if before != nil {
		before.stop()
	}
}

// openStream begins a stream; nil for an empty filter, or when the session is over.
func (c *sessionClient) openStream(filter []byte) *listenStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if filter == nil || c.ctx.Err() != nil {
		return nil
	}
	ctx, stop := context.WithCancel(c.ctx)
	stream := &listenStream{stop: stop, granted: retry.NewCall[[]byte]()}
	c.work.Go(func() {
		defer stop()
		c.keepOpen(ctx, stream, filter)
	})
	return stream
}

// keepOpen keeps the stream open until ctx ends or the server refuses it. After a
// gap the client is told that everything may have changed.
func (c *sessionClient) keepOpen(ctx context.Context, stream *listenStream, filter []byte) {
	agreed := false
	quiet := 0 // streams since the last one that brought something
	for gap := false; ; gap = true {
		heard, brought, ended := c.receive(ctx, filter, func(filter []byte) {
			if !agreed {
				agreed = true
				stream.granted.End(filter, nil)
			}
			if gap {
				c.declareChanged(filter)
			}
		})
		if ctx.Err() != nil {
			ended = context.Cause(ctx)
		}
		switch {
		case !agreed:
			stream.granted.End(nil, ended)
			return
		case ctx.Err() != nil:
			return
		case !heard && errors.As(ended, new(*refusedError)):
			c.adapter.log.Debug("the server opens no subscription any more", "error", ended)
			return
		}
		if brought {
			quiet = 0
		}
		if retry.Sleep(ctx, retry.Backoff(quiet, firstReopen, maxReopen)) != nil {
			return
		}
		quiet++
	}
}

// orEmpty makes an object of what is none.
func orEmpty(raw []byte) []byte {
	if !jsonrpc.IsObject(raw) {
		return []byte("{}")
	}
	return raw
}

// refusedError is a subscription that the server answered with an error.
type refusedError struct{ raw []byte }

func (e *refusedError) Error() string {
	text, _ := jsonrpc.Text(jsonrpc.Member(e.raw, "message"))
	return foreign.Message("the server refused the subscription: " + foreign.Quote(text))
}

// receive carries one stream to its end. heard reports whether it was
// acknowledged, brought whether it had a message, and ended says why it is no more.
func (c *sessionClient) receive(ctx context.Context, filter []byte, acknowledged func([]byte)) (heard, brought bool, ended error) {
	m := jsonrpc.NewRequest(jsonrpc.NewID("listen"), "subscriptions/listen", c.withMeta(jsonrpc.With(nil, "notifications", filter)))
	err := c.adapter.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		switch {
		case reply.Method == "notifications/subscriptions/acknowledged":
			if !heard {
				heard = true
				acknowledged(orEmpty(reply.Param("notifications")))
			}
		case reply.Answers(m) && reply.Error != nil:
			ended = &refusedError{reply.Error}
		case reply.Kind == jsonrpc.Notification && reply.Method != "notifications/cancelled":
			brought = true
			c.adapter.tellClient(reply)
		}
	}))
	return heard, brought, cmp.Or(ended, err, errors.New("the server ended the subscription"))
}

// declareChanged tells the client to look again at everything it listens to.
func (c *sessionClient) declareChanged(filter []byte) {
	for _, list := range lists {
		if string(jsonrpc.Member(filter, list.filter)) == "true" {
			c.adapter.tellClient(jsonrpc.NewNotification(list.changed, nil))
		}
	}
	for _, uri := range texts(jsonrpc.Member(filter, "resourceSubscriptions")) {
		c.adapter.tellClient(jsonrpc.NewNotification("notifications/resources/updated", jsonrpc.With(nil, "uri", jsonrpc.Quote(uri))))
	}
}

// subscription changes the set of resources the client listens to.
func (c *sessionClient) subscription(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	uri, ok := jsonrpc.Text(m.Param("uri"))
	if !ok {
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "uri is missing"))
		return nil
	}
	if c.subscribing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer c.subscribing.Release(1)
	c.mu.Lock()
	before := c.uris
	c.mu.Unlock()
	after := slices.DeleteFunc(slices.Clone(before), func(s string) bool { return s == uri })
	if m.Method == "resources/subscribe" {
		after = append(after, uri)
		slices.Sort(after)
	}
	if len(after) > maxURIs {
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "too many subscriptions"))
		return nil
	}
	stream := c.openStream(c.filter(after))
	if stream != nil {
		err := stream.granted.Wait(ctx)
		var granted []byte
		if err == nil {
			granted, err = stream.granted.Result()
		}
		if err != nil {
			stream.stop()
			return err
		}
		if m.Method == "resources/subscribe" && !slices.Contains(texts(jsonrpc.Member(granted, "resourceSubscriptions")), uri) {
			stream.stop()
			sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "the server does not send updates of this resource"))
			return nil
		}
	}
	c.mu.Lock()
	c.uris = after
	c.mu.Unlock()
	c.replaceStream(stream)
	sink.Message(newResult(m.ID, []byte("{}")))
	return nil
}
