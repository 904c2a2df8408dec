// Package upstream is the remote side of the bridge: it carries single JSON-RPC messages
// to an MCP server and brings back what the server says.
//
//  1. [Upstream.Send] posts a message (upstream.go). The first one decides the transport:
//     Streamable HTTP (MCP 2025-03-26 and later), or the HTTP+SSE transport of 2024-11-05
//     where the server knows only that. What failed is sent again where that does no harm
//     (retry.go).
//  2. Streamable HTTP (streamable.go): the response is one JSON text or an event stream
//     (response.go); where its media type says nothing, the first bytes of its body do
//     (mediatype.go). The session id and the protocol version of the answer to initialize
//     go onto every later request.
//  3. A server that has forgotten the session answers 404, or another refusal that a ping
//     proves to be about the session (lostsession.go). It gets the client's own initialize
//     and settings again (session.go), and then the message that failed.
//  4. A stream that breaks before the answer is resumed with GET and Last-Event-ID if the
//     server gave event ids (serverstream.go); else the request ends in an error, never in
//     silence (errors.go; a status in words: httperror.go). Where no MCP server answers, the
//     usual paths are asked for one (elsewhere.go).
//  5. What comes back goes to the sink of its request; the answer to another request is
//     dropped (deliver.go). A large answer is held in pieces, and passed on while it comes
//     if it comes fast and names its request first (largeanswer.go). What the client has
//     not read yet is bounded (backlog.go).
//  6. After notifications/initialized a GET stream brings what the server says by itself
//     (serverstream.go).
//  7. HTTP+SSE (httpsse.go): one GET stream brings everything (httpssestream.go); messages
//     are posted to the address that its first event names.
//  8. [Upstream.Close] ends the session with DELETE (upstream.go, streamable.go).
//
// Messages of MCP 2026-07-28 name their revision themselves (stateless.go); they get the
// headers of that revision (headers.go, toollist.go, paramheader.go) and no session.
//
// The package never sees a token: the http.Client that it is given puts it on requests and
// handles refusals of it. The client must have no Timeout: limits of time and size are in
// httpclient.go, firstbyte.go and body.go. A copy of it is used, with
// [CheckRedirect] unless it has a rule of its own. Connections that were idle for too long
// are not used again (idleconn.go).
package upstream
