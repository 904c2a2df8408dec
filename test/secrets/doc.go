// Package secrets attacks the built programs for what only its owner may have:
// tokens, client secrets and what else signs somebody in.
//
//  1. A stranger of this test stands where a server, a provider or a proxy is
//     and says what it likes, on loopback.
//  2. mcp-login and whoami-server run as a person or a host runs them.
//  3. What reached the stranger, stderr, the arguments and the environment of
//     other processes is searched for the secrets.
package secrets
