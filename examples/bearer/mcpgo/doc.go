// Command mcpgo is an MCP server made with mcp-go, protected by package bearer:
//
//	RESOURCE=http://127.0.0.1:8080/mcp ISSUER=http://127.0.0.1:3002/oidc mcpgo
//
// It is the program of docs/protect-your-own-server.md; test/interop uses it with real clients,
// and packaging/checks/70-module-path.sh compiles it as a module of its own. The three
// examples share no code on purpose: each is to be copied by itself.
//
//  1. [bearer.New] is told the server's address and who issues its tokens.
//  2. Its Middleware stands in front of mcp-go's handler.
//  3. A tool asks [bearer.IdentityFrom] who calls.
package main
