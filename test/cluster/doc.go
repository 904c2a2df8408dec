// Package cluster runs two replicas of whoami-server behind a real nginx or Caddy, with the
// configurations that deploy/ has for them: whoami with a real Redis between them, or the
// gateway with nothing but a secret in common.
//
//  1. Users with clients of every kind (HTTP+SSE, Streamable HTTP with and
//     without sessions, mcp-login) call through the proxy, which sends their messages to
//     either replica.
//  2. Every call must be answered once, on its own stream, with the name of its
//     own user.
//  3. A replica is told to stop: no call may be lost. What balancers must do for that is in
//     docs/deploying.md.
//  4. A replica is killed and Redis restarted meanwhile: calls under way there end in one
//     error, clients may have to reconnect, and nothing more.
package cluster
