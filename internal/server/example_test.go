package server_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
	"mcp-login/internal/server"
)

// notes is an MCP server of one's own, with a tool that knows who calls.
func notes() *mcpserver.MCPServer {
	m := mcpserver.NewMCPServer("notes", "1.0.0")
	m.AddTool(mcp.NewTool("list_notes"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		who, _ := bearer.IdentityFrom(ctx)
		return mcp.NewToolResultText("notes of " + who.Subject), nil
	})
	return m
}

// protect puts it behind bearer tokens of one issuer. A call of list_notes
// needs the scope notes:read; a client without it is told so and can ask its
// user for more.
func protect(resource *url.URL, issuer string) (http.Handler, error) {
	return server.New(server.Config{
		MCP: notes(),
		Config: bearer.Config{
			Resource:   resource,
			Issuer:     issuer,
			Scopes:     []string{"openid"},
			ToolScopes: map[string][]string{"list_notes": {"notes:read"}},
		},
	})
}

// A custom tool behind tokens: what is needed beside the tool itself is one
// Config.
func ExampleNew() {
	handler, err := protect(&url.URL{Scheme: "http", Host: "127.0.0.1:3001", Path: "/mcp"}, "http://127.0.0.1:3002/oidc")
	if err != nil {
		log.Fatal(err)
	}
	resp := httptest.NewRecorder()
	handler.ServeHTTP(resp, httptest.NewRequest("POST", "http://127.0.0.1:3001/mcp", http.NoBody))
	fmt.Println(resp.Code)
	fmt.Println(strings.ReplaceAll(resp.Header().Get("WWW-Authenticate"), ", ", ",\n  "))
	// Output:
	// 401
	// Bearer resource_metadata="http://127.0.0.1:3001/.well-known/oauth-protected-resource/mcp",
	//   scope="openid"
}
