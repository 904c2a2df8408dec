// Package server is whoami: an MCP resource server behind OAuth bearer tokens,
// as one [net/http.Handler]. It answers one question, who the caller is, and is
// meant to be deployed or copied.
//
// # How a request is answered
//
//  1. Every request gets a correlation id: the X-Request-Id header of the
//     answer and the request_id attribute of each log line about it.
//  2. Host must be the resource's own, a loopback name on a loopback
//     connection, or configured; Origin, when present, must be the resource's
//     own, a loopback origin, or configured. Otherwise 403 (MCP transports,
//     DNS rebinding; S13).
//  3. Discovery documents, the page for people and /healthz are answered
//     without a token. A browser's preflight is answered, too.
//  4. An address with too many requests gets 429, and everyone 503 while too
//     many calls are under way or the server stops.
//  5. For all else exactly one Authorization header with one bearer token is
//     expected, on every request of every method (S10). A malformed request is
//     400, a missing or bad token 401, a token that lacks a required scope 403,
//     an unreachable provider 503; 401 and 403 carry the challenge of RFC 6750
//     section 3 with resource_metadata of RFC 9728 section 5.1 (S3, S4, S6). A
//     subject with too many requests gets 429.
//  6. Method, content type, size and the message's member names are checked:
//     405, 415, 413, 400.
//  7. The session, where there is one, must belong to the caller, whatever the
//     method, else 404 (S11).
//  8. mcp-go answers, for all protocol revisions from 2024-11-05 to 2026-07-28.
//     The tool reads the [Identity] from the request's context.
//
// # Sessions and replicas
//
// Streamable HTTP is stateless, so any replica answers. With
// [Operations.Stateful] clients of revisions before 2026-07-28 get a session
// there: a record under its owner in a [SessionStore], which replicas share. No
// replica owns it, so none takes it along when it dies.
//
// An HTTP+SSE session is an open stream and lives on the replica that holds it.
// Its id begins with that replica's name. A message that arrives elsewhere is
// verified there, handed over the [Bus] with the sender's identity, checked to
// be the owner's where the stream is, and answered on it. When the replica dies,
// its sessions are 404 everywhere and clients begin new ones.
//
// # How a token is verified
//
// What arrives decides. A JWT is verified here, with the keys of the one
// configured issuer: signature with an asymmetric algorithm, typ, iss, aud,
// exp, nbf, iat and sub (RFC 9068 section 4). Any other token is shown to the
// issuer's userinfo endpoint (OpenID Connect Core section 5.3), which alone can
// tell whether it is good. The difference matters: aud says that a token was
// meant for this server, while userinfo says only that some application of the
// same issuer holds a token of this person. [Config.JWTOnly] closes that gap
// for issuers that can bind their tokens to a resource (RFC 8707).
//
// Scopes: Logto leaves openid and profile out of the scope claim of a token
// that is bound to a resource, so a valid audience is never refused because of
// them. Only [Config.RequiredScopes] is enforced, by exact comparison; the
// server knows no scope that implies another (S5).
//
// Specifications: MCP 2026-07-28 and its predecessors (authorization,
// transports), RFC 6750, 7519, 8414, 8707, 9068, 9110, 9728.
//
// # What it deliberately does not do
//
// It never speaks first: streams that clients open on Streamable HTTP carry
// heartbeats. It does not register clients, issue, introspect or refresh tokens,
// and passes the caller's token to nobody but the issuer's own userinfo endpoint
// (S8).
package server
