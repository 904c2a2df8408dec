package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// client is an MCP client with the bridge that it has started.
type client struct {
	*mcpclient.Client
	changed chan struct{} // the server's list of tools has changed
}

// start starts mcp-login for a client of this name, as MCP clients do: over stdio, with
// the server's URL as its only argument.
func (p program) start(ctx context.Context, name, endpoint string, hear func(line string)) (*client, error) {
	launch := func(context.Context, string, []string, []string) (*exec.Cmd, error) {
		return p.command(context.Background(), hear, endpoint), nil // Close ends it
	}
	c := &client{changed: make(chan struct{}, 1)}
	c.Client = mcpclient.NewClient(transport.NewStdioWithOptions(p.path, nil, nil, transport.WithCommandFunc(launch), transport.WithCommandLogger(slog.New(slog.DiscardHandler))))
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method != mcp.MethodNotificationToolsListChanged {
			return
		}
		select {
		case c.changed <- struct{}{}:
		default:
		}
	})
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("start mcp-login: %w", err)
	}
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: name, Version: "1"}
	if _, err := c.Initialize(ctx, init); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	return c, nil
}

const (
	whoamiTool = "whoami"
	// standInTool is what mcp-login shows in the server's place while a person signs in.
	standInTool = "mcp_login_sign_in"
	// refusedWords are in its description when the sign-in has failed.
	refusedWords = "did not work"
	// lookInterval is how often its description is read again.
	lookInterval = time.Second
)

// ready waits until the server's tool is there. A client does not wait long for an
// answer, and a person may be slow: mcp-login then answers in the server's place,
// with one tool that says where to sign in, and announces that the list of tools has
// changed as soon as it has (MCP 2025-11-25, server/tools, List Changed Notification).
// meanwhile is called once if it comes to that.
func (c *client) ready(ctx context.Context, meanwhile func()) error {
	tool, err := c.firstTool(ctx)
	if err != nil || tool.Name == whoamiTool {
		return err
	}
	meanwhile()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		announced := false
		select {
		case <-c.changed:
			announced = true
		case <-look.C: // a failure is not announced
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch tool, err = c.firstTool(ctx); {
		case err != nil:
			return err
		case tool.Name == whoamiTool && announced:
			return nil
		case tool.Name == standInTool && strings.Contains(tool.Description, refusedWords):
			return errors.New(tool.Description)
		}
	}
}

// firstTool is the first tool that the client sees: that of the server, or the one to
// sign in with.
func (c *client) firstTool(ctx context.Context) (mcp.Tool, error) {
	list, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	switch {
	case err != nil:
		return mcp.Tool{}, fmt.Errorf("list the tools: %w", err)
	case len(list.Tools) == 0 || list.Tools[0].Name != whoamiTool && list.Tools[0].Name != standInTool:
		return mcp.Tool{}, errors.New("list the tools: neither that of the server nor the one to sign in with")
	}
	return list.Tools[0], nil
}

// whoami calls the tool and returns the claims.
func (c *client) whoami(ctx context.Context) (map[string]any, error) {
	call := mcp.CallToolRequest{}
	call.Params.Name = whoamiTool
	result, err := c.CallTool(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("call whoami: %w", err)
	}
	claims, ok := result.StructuredContent.(map[string]any)
	if result.IsError || !ok {
		return nil, errors.New("call whoami: an answer without claims")
	}
	return claims, nil
}

// names are the claims that say who somebody is; the others are about the token.
var names = []string{"sub", "username", "name", "email"}

// others are the names of all other claims.
func others(claims map[string]any) string {
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(claims)), func(name string) bool { return slices.Contains(names, name) })
	return strings.Join(rest, ", ")
}
