// Package matrix runs the real mcp-login between clients and servers of every
// protocol revision.
//
//  1. Servers are those of go-sdk, mcp-go and both TypeScript SDKs, each held to
//     one revision, to HTTP+SSE, or offering all, and server-everything.
//  2. Clients speak one revision on stdio: line by line here, and, where a client
//     knows both eras, with the clients of the libraries.
//  3. In each cell they do what their revision has: begin, list, call with
//     progress, be asked, hear of changes, cancel.
//
// The outcome is the table in docs/transports.md.
package matrix
