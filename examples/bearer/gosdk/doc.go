// Command gosdk is an MCP server made with MCP's own Go SDK, protected by package bearer:
//
//	RESOURCE=http://127.0.0.1:8080/mcp ISSUER=http://127.0.0.1:3002/oidc gosdk
//
// The SDK's tools do not see the context of the request. They are handed what the SDK's own
// middleware knows of the caller, which binds sessions to the caller as well:
//
//  1. [bearer.New] is told the server's address and who issues its tokens.
//  2. Its Middleware stands in front and decides.
//  3. Behind it the SDK's middleware is told what bearer has found out.
package main
