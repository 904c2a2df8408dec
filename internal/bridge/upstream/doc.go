// Package upstream is the remote side of the bridge: it carries single
// JSON-RPC messages to an MCP server and brings back what the server says.
//
//  1. [Upstream.Send] posts a message. The first one decides the transport:
//     Streamable HTTP (2025-03-26 and later), or, when the server knows no such
//     thing, the HTTP+SSE transport of 2024-11-05.
//  2. Streamable HTTP: the answer is one JSON text or an event stream; where its
//     media type says nothing, its body tells which. The session id and the protocol
//     version of the initialize answer go onto every later request; a server that
//     forgot the session, which a ping proves where it does not say 404, gets the
//     client's own initialize again and then the message that failed.
//  3. A stream that breaks before the answer is resumed with GET and
//     Last-Event-ID if the server gave ids; otherwise the request ends in an
//     error, never in silence.
//  4. What comes back goes to the sink of the request; an answer with another id
//     does not. A large answer is checked and held in pieces, and passed on while
//     it is still coming if it comes fast and names the request first.
//  5. After notifications/initialized a GET stream brings what the server says
//     by itself.
//  6. HTTP+SSE: one GET stream brings everything, messages are posted to the
//     address its first event names.
//  7. [Upstream.Close] ends the session with DELETE.
//
// Requests of 2026-07-28 carry their version inside; they get the headers of
// that revision and no session.
//
// The package never sees a token: the http.Client it is given signs requests
// and answers refusals. It must have no Timeout, and CheckRedirect set to
// [CheckRedirect].
package upstream
