package server

import (
	"context"
	"errors"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// details is what whoami_details answers: not who the caller is, but what the
// token says about this very call.
type details struct {
	Subject  string   `json:"sub" jsonschema:"Identifier of the caller"`
	Issuer   string   `json:"iss" jsonschema:"Authorization server that vouches for the caller"`
	ClientID string   `json:"client_id,omitempty" jsonschema:"Application the token was issued to"`
	Scopes   []string `json:"scopes" jsonschema:"Scopes of the token"`
	Expires  string   `json:"expires,omitempty" jsonschema:"When the token ends, RFC 3339"`
	Resource string   `json:"resource" jsonschema:"This server's identifier"`
}

func (s *Server) addDetails(m *server.MCPServer) {
	m.AddTool(mcp.NewTool(toolDetails,
		mcp.WithDescription("Returns how the current call is authorized: issuer, application, scopes and expiry "+
			"of the access token, never the token itself. Needs a scope that whoami does not need."),
		mcp.WithToolTitle("How am I signed in"),
		mcp.WithTitleAnnotation("How am I signed in"),
		mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDestructiveHintAnnotation(false),
		mcp.WithIdempotentHintAnnotation(true),
		mcp.WithOpenWorldHintAnnotation(false),
		mcp.WithOutputSchema[details](),
		withoutArguments,
	), s.whoamiDetails)
}

func (s *Server) whoamiDetails(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	id, ok := IdentityFrom(ctx)
	if !ok {
		return nil, errors.New("no identity in context")
	}
	d := details{
		Subject: id.Subject, Issuer: id.Issuer, ClientID: id.ClientID, Scopes: id.Scopes, Resource: s.layout.resource,
	}
	if !id.Expiry.IsZero() {
		d.Expires = id.Expiry.UTC().Format(time.RFC3339)
	}
	return structured(d)
}
