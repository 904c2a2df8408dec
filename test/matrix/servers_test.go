package matrix

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// peer is a running server.
type peer struct {
	name, url   string
	changes     func()        // changes a list and a resource
	cancelled   chan struct{} // gets one when the slow tool was cancelled
	asks        bool          // its library can ask the client over this transport
	changing    bool          // and sends changes over it
	samples     bool          // it also asks for samples and roots
	spaced      bool          // its progress comes well before its answer
	otherStream bool          // its progress may come by another stream than the answer, and after it
	old         bool          // it knows no 2026-07-28
	noSession   bool          // towards clients of 2025 it has no sessions
}

type none struct{}

// goSDK is a server of go-sdk that offers the revisions.
func goSDK(t *testing.T, name string, handler func(func(*http.Request) *mcp.Server) http.Handler, revisions ...string) *peer {
	t.Helper()
	p := &peer{name: name, cancelled: make(chan struct{}, 1), asks: true, changing: true}
	s := mcp.NewServer(&mcp.Implementation{Name: "peer", Version: "1"}, &mcp.ServerOptions{
		SupportedProtocolVersions: revisions,
		SubscribeHandler:          func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler:        func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	mcp.AddTool(s, &mcp.Tool{Name: "progress"}, func(ctx context.Context, r *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		for i := range 3 {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)}); err != nil {
				return nil, nil, err
			}
		}
		return text("done"), nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "ask"}, func(_ context.Context, r *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		given, ok := r.Params.InputResponses["q"].(*mcp.ElicitResult)
		if !ok {
			return &mcp.CallToolResult{RequestState: "st", InputRequests: mcp.InputRequestMap{"q": &mcp.ElicitParams{
				Mode: "form", Message: "colour?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{"colour": map[string]any{"type": "string"}}},
			}}}, nil, nil
		}
		return text(fmt.Sprint(given.Action, " ", given.Content["colour"])), nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "slow"}, func(ctx context.Context, r *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		_ = r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken()})
		<-ctx.Done()
		select {
		case p.cancelled <- struct{}{}:
		default:
		}
		return nil, nil, ctx.Err()
	})
	s.AddResource(&mcp.Resource{URI: "a:1", Name: "a"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{}, nil
	})
	n := 0
	p.changes = func() {
		n++
		mcp.AddTool(s, &mcp.Tool{Name: fmt.Sprint("new", n)}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			return text(""), nil, nil
		})
		_ = s.ResourceUpdated(context.Background(), &mcp.ResourceUpdatedNotificationParams{URI: "a:1"})
	}
	p.serve(t, handler(func(*http.Request) *mcp.Server { return s }))
	return p
}

func (p *peer) serve(t *testing.T, handler http.Handler) {
	srv := httptest.NewServer(handler)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	p.url = srv.URL + "/mcp"
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

// mcpGo is a server of mcp-go, which offers all revisions on one endpoint.
func mcpGo(t *testing.T) *peer {
	t.Helper()
	p := &peer{name: "all (mcp-go)", cancelled: make(chan struct{}, 1), otherStream: true}
	s := mcpserver.NewMCPServer("peer", "1", mcpserver.WithToolCapabilities(true), mcpserver.WithElicitation())
	written := make(chan struct{}, 100)
	progress := func(ctx context.Context, r mcpgo.CallToolRequest, i int) {
		if r.Params.Meta == nil || r.Params.Meta.ProgressToken == nil {
			return
		}
		if err := mcpserver.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": i}); err != nil {
			t.Error(err)
			return
		}
		select { // its writer drops what comes together with the answer
		case <-written:
		case <-ctx.Done():
		}
	}
	s.AddTool(mcpgo.NewTool("progress"), func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		for i := range 3 {
			progress(ctx, r, i)
		}
		return mcpgo.NewToolResultText("done"), nil
	})
	s.AddTool(mcpgo.NewTool("slow"), func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		progress(ctx, r, 0)
		<-ctx.Done()
		select {
		case p.cancelled <- struct{}{}:
		default:
		}
		return nil, ctx.Err()
	})
	h := mcpserver.NewStreamableHTTPServer(s)
	p.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(progressWriter{w, written}, r) }))
	return p
}

// progressWriter tells of each notification of progress that is written.
type progressWriter struct {
	http.ResponseWriter
	written chan struct{}
}

// Write implements io.Writer; an event is written at once.
func (w progressWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	if bytes.Contains(p, []byte("notifications/progress")) {
		w.written <- struct{}{}
	}
	return n, err
}

// Flush implements http.Flusher.
func (w progressWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// peers are the columns of the matrix.
func peers(t *testing.T) []*peer {
	t.Helper()
	type get = func(*http.Request) *mcp.Server
	sessions := func(g get) http.Handler { return mcp.NewStreamableHTTPHandler(g, nil) }
	stateless := func(g get) http.Handler {
		return mcp.NewStreamableHTTPHandler(g, &mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true})
	}
	sse := func(g get) http.Handler { return mcp.NewSSEHandler(g, nil) }
	list := []*peer{goSDK(t, "HTTP+SSE", sse, "2024-11-05")}
	for _, revision := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
		list = append(list, goSDK(t, revision, sessions, revision))
	}
	return append(list, goSDK(t, "2026-07-28", stateless, "2026-07-28"), mcpGo(t))
}
