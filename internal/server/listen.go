package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// mcp-go 1.2.1 writes notifications in a goroutine of its own, and drops one that it
// has not written when the result is ready. An empty subscriptions/listen ends at once,
// so its acknowledgement, which must come first (MCP 2026-07-28, Subscriptions), would
// be lost: the result waits for the first write.

// ackPatience bounds that wait.
const ackPatience = time.Second

// firstWriteKey finds the channel that the first write closes in a context.
type firstWriteKey struct{}

// acknowledgeFirst lets results of subscriptions/listen wait.
func acknowledgeFirst(m *server.MCPServer) {
	hooks := m.GetHooks()
	if hooks == nil {
		hooks = &server.Hooks{}
		server.WithHooks(hooks)(m)
	}
	hooks.AddAfterSubscriptionsListen(func(ctx context.Context, _ any, _ *mcp.SubscriptionsListenRequest, _ *mcp.SubscriptionsListenResult) {
		written, ok := ctx.Value(firstWriteKey{}).(chan struct{})
		if !ok {
			return
		}
		patience := time.NewTimer(ackPatience)
		defer patience.Stop()
		select {
		case <-written:
		case <-patience.C:
		case <-ctx.Done():
		}
	})
}

// watchFirstWrite returns r so that acknowledgeFirst sees the first write of its answer.
func watchFirstWrite(r *http.Request) *http.Request {
	written := make(chan struct{})
	recordOf(r.Context()).written = sync.OnceFunc(func() { close(written) })
	return r.WithContext(context.WithValue(r.Context(), firstWriteKey{}, written))
}
