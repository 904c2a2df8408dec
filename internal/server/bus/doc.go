// Package bus connects the replicas of a whoami server through Redis: it is the
// [mcp-login/internal/server.Bus] of a server that runs more than once.
//
//  1. Every process has a name of its own, new at each start, and listens on
//     one Redis channel of that name.
//  2. Request publishes a message on a replica's channel, with a number and the
//     sender's name, and waits for the reply on the sender's own channel.
//     Redis says how many processes listen: none means that the replica is
//     dead, because a name is never used again.
//  3. A replica whose connection to Redis was cut is given a moment to come
//     back before it counts as dead. One that died without its connection
//     closing stops renewing the key of its name, which then expires.
//  4. All names of channels and keys begin with a hash of the resource, so that
//     servers for several may use one Redis: nobody asks a replica, or uses a
//     session, of another resource.
//  5. Sessions of Streamable HTTP are members of one sorted set for each owner,
//     scored by when they end, in the time of Redis itself. A set holds what
//     one owner has and no more, so nobody can use the session of another.
//  6. A DPoP proof that was taken is a key of its own, a hash, until the proof is
//     over (proofs.go).
//
// Nothing is stored but hashes of owners and proofs, random ids and times. Messages pass
// through Redis in clear, with the claims of their senders, and are not
// authenticated: give it a password, TLS (rediss://) and a network of its own.
// If Redis loses its data, clients begin new sessions, and a proof could be used again at
// another replica until it is over.
package bus
