package server

import (
	"context"
	"errors"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
)

// details is what whoami_details answers: not who the caller is, but what the
// token says about this very call.
type details struct {
	Subject  string   `json:"sub"`
	Issuer   string   `json:"iss"`
	ClientID string   `json:"client_id,omitempty"`
	Scopes   []string `json:"scopes"`
	Expires  string   `json:"expires,omitempty"`
	Resource string   `json:"resource"`
}

// detailsOutput is the schema of details; see whoamiOutput for anyOf.
const detailsOutput = `{
	"type": "object",
	"properties": {
		"sub": {"type": "string", "description": "Identifier of the caller"},
		"iss": {"type": "string", "description": "Authorization server that vouches for the caller"},
		"client_id": {"type": "string", "description": "Application the token was issued to"},
		"scopes": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "description": "Scopes of the token, null where it does not say"},
		"expires": {"type": "string", "description": "When the token ends, RFC 3339"},
		"resource": {"type": "string", "description": "This server's identifier"}
	},
	"required": ["sub", "iss", "scopes", "resource"],
	"additionalProperties": false
}`

func (s *whoami) whoamiDetails(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	id, ok := bearer.IdentityFrom(ctx)
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
