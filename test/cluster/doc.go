// Package cluster runs two replicas of whoami-server behind a real nginx, with
// the configuration that deploy/ has for it, and a real Redis between them.
//
//  1. Users with clients of every kind (HTTP+SSE, Streamable HTTP with and
//     without sessions) call through nginx, which sends their messages to either
//     replica.
//  2. Every call must be answered once, on its own stream, with the name of its
//     own user.
//  3. In the second test a replica is killed and Redis restarted meanwhile:
//     clients may have to reconnect, and nothing more.
//  4. The same for two replicas of the gateway, with no Redis: they share a secret.
package cluster
