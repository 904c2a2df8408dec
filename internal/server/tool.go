package server

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
)

// listTTL is how long clients may keep the list of tools, in milliseconds.
const listTTL = 5 * 60 * 1000

// whoamiOutput is the tool's output schema. Which claims there are is up to
// the provider and the scopes, so only the subject is promised. A value or null is
// said with anyOf: JSON Schema allows a list of types, but strict validators, as the
// one of the MCP Inspector, warn of it.
const whoamiOutput = `{
	"type": "object",
	"description": "The claims of the caller, as the identity provider states them.",
	"properties": {
		"sub": {"type": "string", "description": "Identifier of the caller, unique at the provider."},
		"username": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Name that the caller signs in with."},
		"name": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Name of the caller, as people write it."},
		"email": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "E-mail address of the caller."}
	},
	"required": ["sub"],
	"additionalProperties": true
}`

// The tools. whoami_details is there only if it has a scope of its own, to show how a
// client gets more rights when it needs them.
const (
	toolWhoami  = "whoami"
	toolDetails = "whoami_details"
)

// tools returns the MCP server to serve, with the check of scopes around its
// tools.
func (s *whoami) tools(cfg *Config, version string) *server.MCPServer {
	m := cfg.MCP
	if m == nil {
		m = s.newMCP(version)
		if len(cfg.ToolScopes[toolDetails]) > 0 {
			addTool(m, toolDetails, "How am I signed in", "Returns how the current call is authorized: issuer, application, scopes and expiry "+
				"of the access token, never the token itself. Needs a scope that whoami does not need.", detailsOutput, s.whoamiDetails)
		}
	}
	m.Use(s.scoped)
	acknowledgeFirst(m)
	return m
}

// newMCP returns whoami's MCP server with its tool. It keeps no state of its
// callers; mcp-go serves every protocol revision with it.
func (s *whoami) newMCP(version string) *server.MCPServer {
	hooks := &server.Hooks{}
	hooks.AddAfterCallTool(boundToolError)
	m := server.NewMCPServer("whoami", version,
		server.WithHooks(hooks),
		server.WithTitle("Who am I"),
		server.WithInstructions("Call whoami to learn who the signed-in user is."),
		server.WithToolCapabilities(false),
		server.WithRecovery(),
		server.WithInputSchemaValidation(),
		server.WithStrictInputSchemaDefault(),
		// Only those with a token get here, so nothing may be shared between
		// authorization contexts.
		server.WithCacheHints(listTTL, mcp.CacheScopePrivate),
	)
	addTool(m, toolWhoami, "Who am I", "Returns the identity claims of the signed-in user: subject, and as far as "+
		"known user name, name, e-mail address and whatever else the identity provider says.", whoamiOutput, s.whoami)
	return m
}

// boundToolError keeps what mcp-go says about wrong arguments in bounds: it repeats
// the names of all of them, which may be megabytes.
func boundToolError(_ context.Context, _ any, _ *mcp.CallToolRequest, result any) {
	r, ok := result.(*mcp.CallToolResult)
	if !ok || !r.IsError {
		return
	}
	for k, content := range r.Content {
		if text, ok := content.(mcp.TextContent); ok {
			text.Text = foreign.Message(text.Text)
			r.Content[k] = text
		}
	}
}

// noArguments is the input schema of both tools. It is given as text: mcp-go encodes
// any other anew for each call, to find what it has compiled of it.
const noArguments = `{"additionalProperties":false,"properties":{},"required":[],"type":"object"}`

// addTool adds a tool that only reads. It answers with an object of the schema output.
func addTool(m *server.MCPServer, name, title, description, output string, answer server.ToolHandlerFunc) {
	m.AddTool(mcp.NewTool(name,
		mcp.WithDescription(description),
		mcp.WithToolTitle(title),
		mcp.WithTitleAnnotation(title), // of 2025-03-26
		mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDestructiveHintAnnotation(false),
		mcp.WithIdempotentHintAnnotation(true),
		mcp.WithOpenWorldHintAnnotation(false),
		mcp.WithRawOutputSchema(stdjson.RawMessage(output)),
		func(t *mcp.Tool) {
			t.InputSchema, t.RawInputSchema = mcp.ToolInputSchema{}, stdjson.RawMessage(noArguments)
		},
	), answer)
}

// whoami answers with the caller's claims, as structured content and as the
// same JSON in text for clients that know only that.
func (s *whoami) whoami(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	id, ok := bearer.IdentityFrom(ctx)
	if !ok {
		return nil, errors.New("no identity in context")
	}
	claims := id.Claims
	if claims == nil {
		claims = map[string]any{"sub": id.Subject, "iss": id.Issuer}
	}
	result, err := structured(claims)
	if err == nil {
		s.noteProfile(id, result)
	}
	return result, err
}

// structured is v as structured content, and as the same JSON in text. It is
// encoded once.
func structured(v any) (*mcp.CallToolResult, error) {
	var compact, text bytes.Buffer
	enc := stdjson.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	raw := bytes.TrimSpace(compact.Bytes())
	if err := stdjson.Indent(&text, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indent result: %w", err)
	}
	return mcp.NewToolResultStructured(stdjson.RawMessage(raw), text.String()), nil
}

// newStreamable serves Streamable HTTP without sessions. GET is off: without
// session ids mcp-go keeps all its listeners under one empty id, and what is
// meant for one could reach another.
func newStreamable(m *server.MCPServer, log *slog.Logger) *server.StreamableHTTPServer {
	return server.NewStreamableHTTPServer(m,
		server.WithStateLess(true),
		server.WithDisableStreaming(true),
		server.WithDisableLocalhostProtection(true),
		server.WithStreamableHTTPLogger(log),
	)
}
