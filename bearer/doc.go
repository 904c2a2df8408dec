// Package bearer protects an HTTP server, above all an MCP server, with OAuth 2
// bearer tokens. It is the resource server's part of MCP's authorization: it
// verifies tokens, tells clients where to sign in, and tells handlers who calls.
package bearer
