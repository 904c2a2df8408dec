// Package protover lets a client and a server of different protocol eras talk: those
// that begin with initialize and keep a session (2024-11-05 to 2025-11-25), and
// 2026-07-28, where every request stands for itself.
//
//  1. [Adapter] stands where the server would; it has the same methods. The
//     client's first message shows the client's era, [Memory] or one
//     server/discover the server's. Logins, outages and silence prove nothing.
//  2. Where both know the client's era, messages pass untouched. A server that lists
//     only 2026-07-28 is offered initialize, because some know sessions all the same.
//  3. A client with sessions at a server without: the session is played.
//     initialize is answered from server/discover, requests get their _meta, the
//     server's questions are put to the client as requests, and one
//     subscriptions/listen stream stands for all subscriptions.
//  4. A client without sessions at a server that wants one: it is opened and
//     held. Questions of the server become results of the client's request, which
//     waits at the server until the client comes back.
//  5. A client that knows both is let through to the server with its own
//     server/discover and decides by itself. One that goes on without a session
//     after a refusal is served as in 4.
//
// What is changed is changed member by member in the raw text; everything else
// keeps its bytes. The package knows no HTTP: [Server] carries the messages.
package protover
