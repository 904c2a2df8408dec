package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/server"
)

func startDev(ctx context.Context, address string, resources []server.Config, log *slog.Logger) (*devidp.Server, error) {
	cfg := devidp.Config{Registration: true, TokenClaims: true, Log: log}
	for _, r := range resources {
		for _, indicator := range server.Audiences(r.Resource) {
			cfg.Resources = append(cfg.Resources, devidp.Resource{Indicator: indicator, Scopes: apiScopes(&r)})
		}
	}
	// Not ctx: calls that are under way at the end may still need it.
	provider, err := devidp.Start(context.WithoutCancel(ctx), address, cfg)
	if err != nil {
		return nil, fmt.Errorf("start the development provider: %w", err)
	}
	return provider, nil
}

// printDev says how to try it. Each line that begins with two blanks works as it is when
// it is pasted where the line above says.
func printDev(w io.Writer, resource *url.URL, others []*url.URL, whoami bool) {
	page := url.URL{Scheme: resource.Scheme, Host: resource.Host, Path: "/"}
	name, calls := "server", ""
	if whoami {
		name = "whoami"
		calls = fmt.Sprintf(`  mcp-login call %[1]s whoami

A tool that needs one more scope, for which you sign in again:
  mcp-login call %[1]s whoami_details
`, hint.Quote(resource.String()))
	}
	for _, other := range others {
		calls += fmt.Sprintf(`
Another resource, whose tokens are its own:
  mcp-login login %[1]s
  mcp-login tools %[1]s
`, hint.Quote(other.String()))
	}
	_, _ = fmt.Fprintf(w, `Development mode, not for production: anybody may sign in as anybody.

At another terminal:
  mcp-login login %[1]s
  mcp-login tools %[1]s
%[5]s
In the configuration of a client that starts programs:
  {"mcpServers":{%[4]q:{"command":"mcp-login","args":[%[2]s]}}}

In a browser, for other clients:
  %[3]s
`, hint.Quote(resource.String()), strconv.Quote(resource.String()), &page, name, calls)
}
