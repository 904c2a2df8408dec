// Package bearer protects an HTTP server, above all an MCP server, with OAuth 2
// bearer tokens. It is the resource server's part of MCP's authorization: it
// verifies tokens, tells clients where to sign in, and tells handlers who calls.
//
//	resource, err := bearer.New(bearer.Config{Resource: publicURL, Issuer: "https://id.example"})
//	…
//	http.Handle("/", resource.Middleware(handler))
//
// The handler finds the caller with [IdentityFrom]. It may be one of an MCP library or
// any other: this package knows the messages of MCP as far as [Config.ToolScopes] need,
// and no library.
//
// # How a request is answered
//
//  1. [Resource.Middleware] (middleware.go) answers the resource's metadata (RFC 9728;
//     metadata.go) and a browser's preflight without a token.
//  2. All else must have exactly one Authorization header with one token
//     (authenticate.go). A malformed request is 400, a missing or bad token 401, a token
//     that lacks a required scope 403, an unreachable issuer 503; 401 and 403 carry the
//     challenge of RFC 6750 section 3 with resource_metadata of RFC 9728 section 5.1
//     (challenge.go). A sign-in that is too weak or too old is 401 with the challenge
//     of RFC 9470.
//  3. Where tools have scopes, the message is read once (message.go), and a call of a
//     tool whose scopes the token lacks is 403 (scopes.go).
//  4. The handler runs. [RequireScope] protects a part of it.
//
// A server with a flow of its own calls [Resource.Authenticate], [Resource.MayCall] and
// [Resource.Refuse] instead. Several resources each have a [Resource]; [Config.Share]
// lets them share their issuers (config.go, resource.go).
//
// # How a token is verified
//
//  1. A token longer than 16 KiB is refused (verify.go).
//  2. The verdict may be known, by the SHA-256 of the token: good ones for
//     [Config.CacheTTL], never past the token's expiry, refusals for 10 seconds
//     at most. CacheTTL is so the longest time that a revoked token is still
//     accepted. Both kinds are bounded, in places of their own (cache.go, lru.go).
//  3. All who ask about the same unknown token wait for one check (cache.go). How many
//     run at a time is bounded, in all and for one address (quota.go).
//  4. What arrives decides how it is checked. A JWT is verified here, with the
//     keys of the issuer that it names, which must be configured: algorithm,
//     typ, signature, iss, aud, exp, nbf, iat and sub (RFC 9068 section 4; jwt.go,
//     keys.go, issuer.go, remote.go).
//  5. Any other token is shown to [Config.Issuer] (opaque.go): at userinfo (OpenID
//     Connect Core section 5.3; userinfo.go), or with [Config.Introspection] at the
//     introspection endpoint (RFC 7662; introspection.go, clientassertion.go). Calls are
//     limited in number, at a time and for bad tokens, and stop for a while when they fail repeatedly
//     (breaker.go).
//  6. With [Config.Clients] the token must be of one of these applications
//     (verify.go).
//  7. One that is bound to a key (cnf; RFC 7800, RFC 8705, RFC 9449) is refused although the
//     token is good, unless [Config.DPoP] is set and its sender proves to have that key:
//     to take it without would make it worth stealing (dpop.go).
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
// # How a proof is checked
//
// With [Config.DPoP] a token whose cnf is jkt alone is taken with the scheme DPoP and one proof
// (RFC 9449 section 4.3), which is checked anew with each request, however well the token is known:
//
//  1. It is for this token, method and address, of which the origin is that of
//     [Config.Resource], whatever Host says; and its key is the token's.
//  2. It was made within a minute of our clock, or it has a nonce of ours. Where it was not,
//     the answer brings a nonce: a client's clock may be wrong. Nonces need no memory, and servers with
//     one [DPoP.NonceSecret] take each other's. Good answers bring the next ([Resource.RenewNonce]).
//  3. It was not used before. It is remembered when claims, scopes and sign-in are right as well, and
//     [Config.Admit] lets it in, by its hash, for as long as it could be taken (takenproofs.go). Where there is no room the answer is 503, since to forget one early would let
//     it be used again; and so it is where [DPoP.Remember] cannot tell.
//
// A bound token with the scheme Bearer is 401, and so is one with the scheme DPoP that is not
// bound (RFC 9449 section 7.2). docs/decisions/0022-proofs-once.md says why all this.
//
// # Scopes
//
// Logto leaves openid and profile out of the scope claim of a token that is
// bound to a resource, so a valid audience is never refused because of them. Only
// [Config.RequiredScopes], for every request, [Config.ToolScopes], for calls of a tool,
// and [RequireScope] are enforced, by exact comparison; no scope implies another. A 403
// names all scopes that the client should have then, those that it has included. A token that lacks one of
// [Config.RequiredClaims] is 403 as well, without a scope, since none mends it.
//
// # What it does not do
//
// It does not look at Host and Origin, limits no rates and keeps no sessions. It does not
// register clients, issue or refresh tokens, and passes the caller's token to nobody but
// the issuer's own userinfo or introspection endpoint. Visits to issuers have time
// limits of their own and follow no redirect.
//
// Specifications: MCP 2026-07-28 and its predecessors (authorization), RFC 6750, 7515,
// 7519, 7662, 8414, 8707, 9068, 9110, 9449, 9470, 9728.
package bearer
