// Package discovery finds the authorization server of an MCP server and decides what
// of its metadata may be used.
//
//  1. A refusal by the MCP server holds a [Challenge] (RFC 9110, section 11.6.1; RFC
//     6750, section 3; challenge.go), which may name the metadata of the protected
//     resource.
//  2. [FetchResource] reads that metadata (RFC 9728) and checks that it is about this
//     server (resource.go).
//  3. [Discover] chooses one of the authorization servers that it lists (discovery.go). The
//     person may have named one, or accepted its name ([IssuerChoice], issuer.go).
//  4. [FetchServer] reads the metadata of that server (RFC 8414, OpenID Connect
//     Discovery 1.0; discovery.go, server.go) and checks its issuer (issuer.go).
//     [CheckEndpoint] decides for each address in it whether it may be used (fetch.go).
//  5. [ServerMetadata.SelectScopes] decides which scopes to request there (scopes.go), and
//     [ResultOf] whether the token is to be bound to a key (RFC 9449; binding.go).
//
// Every document is read within a limit of bytes and time (fetch.go), through the client of
// a [Guard] (guard.go), which keeps a public server from leading the login into the person's
// network.
// A failure has a hint for people, found by hint.Of. The package keeps nothing and asks
// nobody to sign in.
package discovery
