package main

import (
	"cmp"
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
)

func main() {
	tools := server.NewMCPServer("notes", "1.0.0")
	tools.AddTool(mcp.NewTool("whoami"), whoami)

	resource, err := url.Parse(os.Getenv("RESOURCE")) // the address that clients use
	if err != nil {
		log.Fatal(err)
	}
	protected, err := bearer.New(bearer.Config{
		Resource: resource, Issuer: os.Getenv("ISSUER"), Log: slog.Default(),
		Scopes: []string{"openid", "profile", "email"}, // that clients ask for
	})
	if err != nil {
		log.Fatal(err)
	}
	protected.Reload() // so that the log says at once what is wrong with the issuer
	handler := protected.Middleware(server.NewStreamableHTTPServer(tools, server.WithStateLess(true)))
	s := http.Server{Addr: "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "8080"), Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Println("serving", resource)
	log.Fatal(s.ListenAndServe())
}

// whoami answers with what the caller's token says.
func whoami(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	who, _ := bearer.IdentityFrom(ctx)
	return mcp.NewToolResultStructured(who.Claims, "you are "+who.Subject), nil
}
