//go:build unix

package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"
)

// A server on a Unix socket is called on both transports. While it is not there, the log
// says which file is missing, and what must be allowed.
func TestUpstreamOnASocket(t *testing.T) {
	folder, err := os.MkdirTemp("", "s") // a short name: the address of a socket has 104 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "notes.sock")
	a := attack(t, "--upstream", "http://unix:"+socket+":/mcp")
	token := a.token(t, "alice")
	if resp := a.call(t, token); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without its server: %d", resp.StatusCode)
	}
	a.said.Await(t, `dial unix `+socket+`: .*no such file.*allowed to read and to write`)

	var others atomic.Int64
	h := notesServer()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "localhost" || r.ProtoMajor != 1 || r.Header.Get("X-Forwarded-User") != "1" {
			others.Add(1)
		}
		h.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	client := oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}))
	for name, tr := range map[string]mcp.Transport{
		"Streamable HTTP": &mcp.StreamableClientTransport{Endpoint: "http://" + a.address + "/mcp", HTTPClient: client},
		"HTTP+SSE":        &mcp.SSEClientTransport{Endpoint: "http://" + a.address + "/sse", HTTPClient: client},
	} {
		session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), tr, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "read"})
		if err != nil || len(result.Content) != 1 || result.Content[0].(*mcp.TextContent).Text != "a note" {
			t.Errorf("%s: %v, %v", name, result, err)
		}
		_ = session.Close()
	}
	if n := others.Load(); n != 0 {
		t.Errorf("%d requests were not as they should be", n)
	}
	if said := a.said.String(); !strings.Contains(said, "upstream http://unix:"+socket+":/mcp") {
		t.Errorf("the start does not say where the upstream is:\n%s", said)
	}
}

// notesServer is an MCP server with one tool, on both transports.
func notesServer() http.Handler {
	s := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "read"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "a note"}}}, nil, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	mux.Handle("/sse", mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	return mux
}
