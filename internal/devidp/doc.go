// Package devidp is an OpenID provider for this machine that behaves like
// Logto. It serves the demo, whoami-server --dev and the tests, and nothing
// else: everybody who reaches it may sign in as anybody. NEVER use it in
// production. It refuses to listen on, or to be named as, anything but
// loopback, answers requests addressed to loopback names only, and keeps
// everything in memory, in tables of bounded size.
//
//  1. [Start] binds an address (start.go); [New] makes the bare handler (provider.go,
//     routes.go). The issuer has the path /oidc, and only discovery appended to it
//     answers (metadata.go).
//  2. Clients and resources are given in [Config] (config.go), added later, or, when the
//     configuration allows it, registered over the wire (register.go) or described by a
//     document at the address that is their ID (document.go).
//  3. The authorization endpoint checks the request as Logto does (authorize.go), one that
//     the client has pushed beforehand among them (par.go), and
//     shows a page with the users to choose from (signin.go, page.go; [Approve] plays the
//     person). There is no session: every login shows the page.
//  4. The token endpoint wants S256 PKCE (token.go). What a request with a proof of
//     possession gets is bound to its key (dpop.go). A token is a JWT for a registered
//     resource when both requests name it, and an opaque one for userinfo
//     otherwise (issue.go, userinfo.go).
//  5. Refresh tokens come with offline_access and prompt=consent, rotate with
//     every use, and end the whole grant when one is used again later than the
//     leeway (token.go).
//  6. The device grant is there for clients registered for it
//     (device.go; [Approve] plays the person, approve.go).
//  7. client_credentials is there for clients registered for it that prove who
//     they are, with a secret or with assertions (clientauth.go) signed by a [Key]
//     or by a [TrustedIssuer], whose assertions are also a grant of their own (assertion.go).
//  8. Tokens can be revoked and looked at (revocation.go), and a browser sent to the end
//     session endpoint comes back to the client (logout.go).
//  9. Personal access tokens are exchanged for access tokens by clients registered for
//     it (exchange.go), ID tokens for assertions that another provider takes, if this one
//     is a company's ([Application], idjag.go), and the Management API says what is known of a user to a
//     client that may ask (management.go).
//  10. [Faults] make it misbehave (faults.go), [Provider.Stats] tells what it was asked
//     (stats.go), [Provider.IssueToken] makes tokens without a login (issue.go).
//
// Sections cited: RFC 6749, 6750, 7009, 7517, 7523, 7591, 7636, 7662, 8252, 8414,
// 8628, 8693, 8707, 9068, 9126, 9207, 9449, OpenID Connect Core, Discovery and RP-Initiated Logout
// 1.0, OAuth Client ID Metadata Document, draft 02, and Identity Assertion JWT
// Authorization Grant, draft 04. Not here: consent pages,
// sessions, token exchange of other tokens, roles in
// organizations, social sign-in, storage.
package devidp
