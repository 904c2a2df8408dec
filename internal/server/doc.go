// Package server is whoami: an MCP resource server behind OAuth bearer tokens,
// as one [net/http.Handler]. It answers one question, who the caller is, and is
// meant to be deployed or copied.
//
// # How a request is answered
//
//  1. Every request gets a correlation id: the X-Request-Id header of the
//     answer and the request_id attribute of each log line about it (accesslog.go).
//  2. Host must be the resource's own, a loopback name on a loopback
//     connection, or configured; Origin, when present, must be the resource's
//     own, a loopback origin, or configured. Otherwise 403 (MCP transports,
//     DNS rebinding; origin.go).
//  3. An address with too many requests gets 429 (ratelimit.go), whatever it asks for but
//     /healthz and a browser's preflight of an endpoint (origin.go).
//  4. Discovery documents (layout.go), the page for people (page.go) and /healthz are
//     answered without a token. For all else there is 503 while the server stops (underway.go).
//  5. There [bearer.Resource] finds out who calls, on every request of every method, or
//     refuses (front.go): 400, 401, 403, 503. A subject with too many requests gets 429. With [Config.Profiles] what the token
//     does not say of a person is added, without a word where that fails.
//  6. The method is checked, and the message is read as its bytes
//     come: 405, 413, and 408 if they come too slowly (body.go). Then it takes a
//     place among the calls, or as a listen request among the streams, and what two readers
//     could read differently in it or in the header is refused ([bearer.ReadMessage]): 400, 415;
//     so is a call of a tool whose scopes the token lacks: 403. What
//     one user may hold of bytes, calls and streams is bounded, beyond it is 429; of all
//     users, beyond it is 503 (quota.go).
//  7. The session, where there is one, must belong to the caller, whatever the
//     method, else 404 (streamable.go; HTTP+SSE: legacysse.go).
//  8. A backend answers (backend.go): whoami (whoami.go), which is mcp-go, for all
//     protocol revisions from 2024-11-05 to 2026-07-28.
//     The tool reads the [bearer.Identity] from the request's context (tool.go, details.go).
//     With [Config.Upstream] it is another server behind package gateway (upstream.go):
//     it has the sessions, which are counted here (upstreamsession.go).
//
// [New] puts it together (server.go, protection.go, lifecycle.go) from a [Config] (config.go) with [Operations]
// (operations.go), [NewGroup] for several resources (group.go). What an operator sees of
// it: metrics.go, verificationmetrics.go, upstreammetrics.go, upstreamtools.go, tracing.go, operationshandler.go.
//
// # Sessions and replicas
//
// Streamable HTTP is stateless, so any replica answers. With
// [Operations.Stateful] clients of revisions before 2026-07-28 get a session
// there: a record under its owner in a [SessionStore] (sessions.go), which replicas
// share. No replica owns it, so none takes it along when it dies.
//
// An HTTP+SSE session is an open stream and lives on the replica that holds it.
// Its id begins with that replica's name. A message that arrives elsewhere is
// verified there, handed over the [Bus] (replicas.go) with the sender's identity, checked
// to be the owner's where the stream is, and answered on it. When the replica dies,
// its sessions are 404 everywhere and clients begin new ones.
//
// Specifications: MCP 2026-07-28 and its predecessors (authorization,
// transports), RFC 9110, 9728.
//
// # What it deliberately does not do
//
// It never speaks first: streams that clients open on Streamable HTTP carry
// heartbeats. How tokens are verified, and what of that it does not do, says [bearer].
package server
