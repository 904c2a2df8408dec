// Package grant makes the requests of an OAuth client to an authorization server: it
// registers the client, authenticates it, and gets tokens by each grant.
//
//  1. [Client] holds what all requests need, and a [Target] what those of one login
//     need: the metadata of the server, the client there, the resource and the scopes
//     (client.go). What a person adds to requests: params.go.
//  2. [Client.Register] registers the client (RFC 7591; registration.go), with the members
//     that a person chose ([ClientMetadata], clientmetadata.go); [Client.Unregister] deletes
//     it (RFC 7592).
//  3. The client authenticates with a secret or an assertion (RFC 7523), which it signs
//     ([ClientKey]; clientauth.go) or has from its platform ([TokenSource]; assertion.go), at each request to the token endpoint. Where the server
//     refuses the way the secret was presented, the other ways are tried (client.go).
//  4. Authorization code: [Client.AuthorizationURL], [Client.CheckAnswer], [Client.Exchange]
//     (RFC 6749, section 4.1; RFC 7636; RFC 8707; RFC 9207; code.go).
//  5. Device code: [Client.AuthorizeDevice], [Client.PollDevice] (RFC 8628; device.go).
//  6. Without a person: [Client.ClientCredentials] (RFC 6749, section 4.4) and
//     [Client.JWTBearer] (RFC 7523, section 2.1), both in code.go.
//  7. [Client.Refresh] (RFC 6749, section 6; refresh.go) and [Client.Revoke] (RFC 7009;
//     revoke.go).
//  8. [Proofs] signs proofs of possession (RFC 9449) for all of them that lead to a token,
//     and for requests to the resource, with the nonce of each server (proof.go).
//  9. [Client.Probe], [Client.TryCode] and [Client.TryDeviceCode] ask the server about
//     the client before a person is asked (probe.go).
//
// There is one parser of what endpoints answer, which takes the errors of RFC 6749 and
// those in the words of known providers (response.go); the token in an answer is read by
// token.go and idtoken.go. The package stores nothing, asks nobody and
// sends a secret only where its caller says; which client to use, and whether its secret
// may go to a server, is decided by internal/oauth. Failures are [*Error] values
// (errors.go).
package grant
