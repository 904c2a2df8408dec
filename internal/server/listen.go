package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// mcp-go 1.2.1 writes notifications in a goroutine of its own. One that it has
// taken from its queue when the result is ready is dropped. With
// subscriptions/listen that is the acknowledgement, which must come first (MCP
// 2026-07-28, subscriptions), whenever nothing can be subscribed to, because then
// the result follows at once. So here the result waits until something was written.

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

// watchFirstWrite returns w and r so that acknowledgeFirst sees the first write.
func watchFirstWrite(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	written := make(chan struct{})
	ctx := context.WithValue(r.Context(), firstWriteKey{}, written)
	return &firstWriter{ResponseWriter: w, written: sync.OnceFunc(func() { close(written) })}, r.WithContext(ctx)
}

type firstWriter struct {
	http.ResponseWriter
	written func()
}

func (f *firstWriter) Write(b []byte) (int, error) {
	defer f.written()
	return f.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, which mcp-go looks for before it streams.
func (f *firstWriter) Flush() {
	if flusher, ok := f.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (f *firstWriter) Unwrap() http.ResponseWriter { return f.ResponseWriter }
