// Package workload gets the token that a platform gives to the programs that run on it:
// Kubernetes, SPIFFE, a cloud, a CI. mcp-login presents it to an authorization server that
// trusts the platform, in the place of a person's sign-in (RFC 7523).
//
//  1. [Parse] reads where the token comes from, as --assertion says it (source.go): a file, a
//     variable, a program (internal/command), or a platform that is named.
//  2. Each use reads it anew, since platforms replace it: a Kubernetes token lives an hour.
//  3. spiffe.go is a client of one call of the SPIFFE Workload API, FetchJWTSVID, over its
//     Unix socket. gRPC and protobuf are written out: their libraries would make the program
//     a third larger, and the call is one message each way.
//  4. cloud.go asks the metadata server of Google Cloud, and the token service of a GitHub
//     Actions job. They are asked only where --assertion names them, directly, and no redirect
//     is followed.
//
// Whether a token may be sent to a provider is not decided here, but in internal/oauth.
package workload
