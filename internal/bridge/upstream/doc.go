// Package upstream is the remote side of the bridge: it carries single JSON-RPC messages
// to an MCP server and brings back what the server says.
//
//  1. [Upstream.Send] posts a message. The first one decides the transport: Streamable
//     HTTP (MCP 2025-03-26 and later), or the HTTP+SSE transport of 2024-11-05 where the
//     server knows only that.
//  2. Streamable HTTP: the response is one JSON text or an event stream; where its media
//     type says nothing, the first bytes of its body do. The session id and the protocol
//     version of the answer to initialize go onto every later request.
//  3. A server that has forgotten the session answers 404, or another refusal that a ping
//     proves to be about the session. It gets the client's own initialize again, and then
//     the message that failed.
//  4. A stream that breaks before the answer is resumed with GET and Last-Event-ID if the
//     server gave event ids; else the request ends in an error, never in silence.
//  5. What comes back goes to the sink of its request; the answer to another request is
//     dropped. A large answer is held in pieces, and passed on while it comes if it comes
//     fast and names its request first.
//  6. After notifications/initialized a GET stream brings what the server says by itself.
//  7. HTTP+SSE: one GET stream brings everything; messages are posted to the address that
//     its first event names.
//  8. [Upstream.Close] ends the session with DELETE.
//
// Messages of MCP 2026-07-28 name their revision themselves; they get the headers of that
// revision and no session.
//
// The package never sees a token: the http.Client that it is given puts it on requests and
// handles refusals of it. The client must have no Timeout. A copy of it is used, with
// [CheckRedirect] unless it has a rule of its own.
package upstream
