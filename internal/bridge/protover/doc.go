// Package protover translates between MCP revisions with sessions (2024-11-05 to
// 2025-11-25, which begin with initialize) and 2026-07-28, where every request stands for
// itself. Which of them a server knows is found out as MCP 2026-07-28 says (Versioning).
//
//  1. [Adapter] is a stage in front of the server (adapter.go). The client's first message
//     shows which kind the client is of; [Memory], or one server/discover, shows the
//     server's (support.go, probe.go). Logins, outages and silence prove nothing.
//  2. Where both keep sessions the adapter opens one and leaves: later messages go past it.
//     A server that lists only 2026-07-28 is offered initialize, because some know
//     sessions all the same.
//  3. A client with sessions at a server without: the session is emulated
//     (sessionclient.go). initialize is answered from server/discover, requests get their
//     _meta, input_required results become requests to the client (roundtrips.go,
//     inputrequests.go), and one subscriptions/listen stream stands for all subscriptions
//     (listenstream.go). What such a client would refuse is left out (output.go).
//  4. A client without sessions at a server that wants one: it is opened and held
//     (statelessclient.go). Requests of the server become input_required results of the
//     client's request (inputrequired.go), which waits at the server until the client comes
//     back (pendingcall.go). Results get what the newer revision wants (results.go);
//     subscriptions and log levels are translated (subscription.go, loglevel.go).
//  5. A client that knows both is let through to the server with its own
//     server/discover and decides by itself (choose.go). One that goes on without a session
//     after a refusal is served as in 4.
//
// What is changed is changed member by member in the raw text; everything else
// keeps its bytes. The package knows no HTTP: [Server] carries the messages.
package protover
