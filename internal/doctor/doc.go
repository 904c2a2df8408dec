// Package doctor examines a connection: what it needs, in the order in which a
// connection needs it. Each check passes, warns or fails with a next step, or is skipped
// because of one before it. The package prints nothing.
//
//  1. The caller says what is to be examined, a [Subject]: plain values, and functions
//     that read the person's files, so that a fault in one is a finding and no end.
//  2. [Examine] runs the checks (checks.go) and yields a [Finding] for each: first this
//     machine (machine.go, installation.go), then the way to the server and its first answer (server.go),
//     what it says of its authorization server (provider.go), the kept login and a
//     session (login.go), and what the provider thinks of the client (client.go).
//  3. A check writes down what it has found out in one struct, the examination; a later
//     one that needs what is missing is skipped.
//
// Nobody is asked to sign in, nothing is registered or renewed, and no finding holds a
// secret. [Verify] is the same for one kept login: a single real request.
package doctor
