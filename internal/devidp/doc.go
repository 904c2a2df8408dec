// Package devidp is an OpenID provider for this machine that behaves like
// Logto. It serves the demo, whoami-server --dev and the tests, and nothing
// else: everybody who reaches it may sign in as anybody. It refuses to listen
// on, or to be named as, anything but loopback.
//
//  1. [Start] binds an address; [New] makes the bare handler. The issuer has the
//     path /oidc, and only discovery appended to it answers.
//  2. The authorization endpoint checks the request as Logto does and shows a
//     page with the users to choose from ([Approve] plays the person).
//  3. The token endpoint wants S256 PKCE. A token is a JWT for a registered
//     resource when both requests name it, and an opaque one for userinfo
//     otherwise.
//  4. Refresh tokens come with offline_access and prompt=consent, rotate with
//     every use, and end the whole grant when one is used a second time.
//  5. [Faults] make it misbehave, [Provider.Stats] tells what it was asked.
//
// Sections cited: RFC 6749, 7009, 7517, 7591, 7636, 7662, 8252, 8707, 9068,
// 9207 and OpenID Connect Core and Discovery 1.0. Not here: consent pages,
// sessions, device flow, social sign-in, storage.
package devidp
