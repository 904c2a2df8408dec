// Package gateway carries verified requests to another MCP server, the upstream, and
// its answers back. It knows who calls, and decides nothing about that: tokens, scopes,
// limits and the count of sessions are package server's.
//
// # The way of a request
//
//  1. Package server has refused what the upstream could read in another way than it was
//     judged ([bearer.ReadMessage], [bearer.CheckHeader]).
//  2. Of the client's header only names on a list go on, of which Authorization, Cookie,
//     Forwarded and every spelling of an identity header are none. Who calls is
//     written by us: as headers (identity.go), and as a signed assertion (assertion.go).
//  3. Exactly the bytes that were judged go on, once (forward.go). A connection that was
//     closed before the first byte is the only thing that makes net/http send again.
//  4. Of the answer a few headers come back, and its bytes as they come (answer.go,
//     stream.go). What asks the client to sign in, or to go elsewhere, is a fault of the
//     upstream: 502. One that cannot be reached is 503, one that says nothing 504.
//
// # Sessions
//
// A client never sees the id that the upstream gave to its session, but that id sealed,
// with its owner (seal.go): another caller's is no id at all. So every process with the
// same secret knows all sessions, and none has to keep them. HTTP+SSE is the same with the
// address that its first event names (endpoint.go). Its answers come on the stream, which
// reads their ids (requestid.go): one that is to stop ends when package server has no request
// that is not answered.
//
// The keys of assertions follow from the same secret and the day (keys.go).
// docs/decisions/0018-sealed-sessions.md says why.
package gateway
