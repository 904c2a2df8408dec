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

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/bearer"
)

func main() {
	tools := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1.0.0"}, nil)
	mcp.AddTool(tools, &mcp.Tool{Name: "whoami"}, whoami)

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
	sdk := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return tools }, &mcp.StreamableHTTPOptions{Stateless: true})
	told := auth.RequireBearerToken(known, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true, ClockSkew: time.Minute})
	s := http.Server{Addr: "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "8080"), Handler: protected.Middleware(told(sdk)), ReadHeaderTimeout: 10 * time.Second}
	log.Println("serving", resource)
	log.Fatal(s.ListenAndServe())
}

// known tells the SDK whom the token belongs to; bearer has verified it before.
func known(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
	id, ok := bearer.IdentityFrom(ctx)
	if !ok {
		return nil, auth.ErrInvalidToken
	}
	return &auth.TokenInfo{UserID: id.Issuer + " " + id.Subject, Scopes: id.Scopes, Expiration: id.Expiry, Extra: map[string]any{"identity": id}}, nil
}

// whoami answers with what the caller's token says.
func whoami(_ context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, map[string]any, error) {
	who := r.Extra.TokenInfo.Extra["identity"].(bearer.Identity)
	return nil, who.Claims, nil
}
