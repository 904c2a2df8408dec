package server

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/internal/server/gateway"
)

// setUp puts a backend into a configuration that change has made.
type setUp func(change func(*Config)) func(*Config)

// onBothBackends carries an attack out against whoami, and against a gateway that has the
// same MCP server behind it.
func onBothBackends(t *testing.T, attack func(*testing.T, setUp)) {
	t.Helper()
	t.Run("whoami", func(t *testing.T) { attack(t, func(change func(*Config)) func(*Config) { return change }) })
	t.Run("gateway", func(t *testing.T) {
		attack(t, func(change func(*Config)) func(*Config) {
			return func(c *Config) {
				if change != nil {
					change(c)
				}
				if c.MCP == nil {
					c.MCP = mcpWhoami()
				}
				c.Upstream = &gateway.Config{Upstream: mustURL(t, startQuietUpstream(t, serveMCPGo(c.MCP, c.Stateful))+"/mcp")}
				c.MCP, c.Stateful = nil, false // both are the upstream's
			}
		})
	})
}

// startQuietUpstream is startUpstream, without words about connections that are cut.
func startQuietUpstream(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// serveMCPGo serves m on both transports.
func serveMCPGo(m *server.MCPServer, sessions bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.NewStreamableHTTPServer(m, server.WithStateLess(!sessions)))
	legacy := server.NewSSEServer(m)
	mux.Handle("/sse", legacy.SSEHandler())
	mux.Handle("/message", legacy.MessageHandler())
	return mux
}

// mcpWhoami is a server behind a gateway whose tool says who calls, as it was told.
func mcpWhoami() *server.MCPServer {
	m := server.NewMCPServer("upstream", "1")
	m.AddTool(mcp.NewTool(toolWhoami), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultStructured(map[string]string{"sub": strings.Join(r.Header["X-Forwarded-User"], " and ")}, ""), nil
	})
	return m
}
