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
//  4. Discovery documents (wellknown.go), the page for people (page.go) and /healthz are
//     answered without a token. For all else there is 503 while the server stops (underway.go).
//  5. There exactly one Authorization header with one bearer token is
//     expected (bearer.go), on every request of every method. A malformed request is
//     400, a missing or bad token 401, a token that lacks a required scope 403,
//     an unreachable provider 503; 401 and 403 carry the challenge of RFC 6750
//     section 3 with resource_metadata of RFC 9728 section 5.1 (challenge.go). A
//     subject with too many requests gets 429.
//  6. Method and content type are checked, and the message is read as its bytes
//     come: 405, 415, 413, and 408 if they come too slowly (body.go). Then it takes a
//     place among the calls, or as a listen request among the streams, and its
//     member names are checked: 400 (message.go). What one user may hold of bytes, calls
//     and streams is bounded, beyond it is 429; of all users, beyond it is 503 (quota.go).
//  7. The session, where there is one, must belong to the caller, whatever the
//     method, else 404 (streamable.go; HTTP+SSE: legacysse.go).
//  8. mcp-go answers, for all protocol revisions from 2024-11-05 to 2026-07-28.
//     The tool reads the [Identity] from the request's context (tool.go, details.go).
//
// [New] puts it together (server.go) from a [Config] (config.go) with [Operations]
// (operations.go), [NewGroup] for several resources (group.go). What an operator sees of
// it: metrics.go, verificationmetrics.go, tracing.go, operationshandler.go.
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
// # How a token is verified
//
//  1. A token longer than 16 KiB is refused (verify.go).
//  2. The verdict may be known, by the SHA-256 of the token: good ones for
//     [Config.CacheTTL], never past the token's expiry, refusals for 10 seconds
//     at most. CacheTTL is so the longest time that a revoked token is still
//     accepted. Both kinds are bounded, in places of their own (cache.go, lru.go).
//  3. All who ask about the same unknown token wait for one check.
//  4. What arrives decides how it is checked. A JWT is verified here, with the
//     keys of the issuer that it names, which must be configured: algorithm,
//     typ, signature, iss, aud, exp, nbf, iat and sub (RFC 9068 section 4; jwt.go,
//     keys.go, issuer.go).
//  5. Any other token is shown to [Config.Issuer] (opaque.go): at userinfo (OpenID
//     Connect Core section 5.3; userinfo.go), or with [Config.Introspection] at the
//     introspection endpoint (RFC 7662; introspection.go). Calls are limited in number,
//     at a time and for bad tokens, and stop for a while when they fail repeatedly
//     (breaker.go).
//  6. With [Config.Clients] the token must be of one of these applications
//     (verify.go).
//
// There are three outcomes, and none is ever given for another. Good; bad, 401,
// when somebody who can tell said so; and nobody can tell, 503 with Retry-After.
// The last is also the answer to a JWT whose key may be newer than the keys known
// here while the issuer may not be asked again so soon: a 401 would throw a good
// login away. A token that was good stays so for [Config.OutageGrace] while
// nobody can tell.
//
// The difference between 4 and 5 matters: aud says that a token was meant for
// this server, while userinfo says only that some application of the same issuer
// holds a token of this person. [Config.JWTOnly] closes that gap for issuers
// that can bind their tokens to a resource (RFC 8707); introspection closes it
// where its answer names the audience.
//
// # Scopes
//
// Logto leaves openid and profile out of the scope claim of a token that is
// bound to a resource, so a valid audience is never refused because of them. Only
// [Config.RequiredScopes], for every request (bearer.go), and [Config.ToolScopes], for
// calls of a tool (scopes.go), are enforced, by exact comparison; the server knows no
// scope that implies another. A call that lacks one is 403 before mcp-go sees it, with
// all scopes that the client should have then.
//
// Specifications: MCP 2026-07-28 and its predecessors (authorization,
// transports), RFC 6750, 7515, 7519, 7662, 8414, 8707, 9068, 9110, 9728.
//
// # What it deliberately does not do
//
// It never speaks first: streams that clients open on Streamable HTTP carry
// heartbeats. It checks no proof of possession and so refuses tokens that are
// bound to a key (cnf). It does not register clients, issue or refresh tokens,
// and passes the caller's token to nobody but the issuer's own userinfo or
// introspection endpoint.
package server
