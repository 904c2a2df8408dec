// Command nethttp is an ordinary HTTP API of net/http, protected by package bearer as MCP servers
// are:
//
//	RESOURCE=http://127.0.0.1:8080/notes ISSUER=http://127.0.0.1:3002/oidc nethttp
//
// Whoever reads needs a token, whoever writes the scope notes:write as well.
//
//  1. [bearer.New] is told the API's address and who issues its tokens.
//  2. Its Middleware stands in front of all handlers.
//  3. [bearer.RequireScope] stands in front of one.
package main
