// Package lazy answers the start of a client with what the server has said the last time, so
// that nothing is sent, and nobody is asked to sign in, before the client has something to
// do ("Lazy start", --lazy).
//
//  1. [Stage] keeps what the server answers to initialize or server/discover, and to
//     requests for its lists, while it passes them on (observe.go). [Memory] keeps the record
//     of that for one client of one account (record.go).
//  2. The next time the same client begins, those requests and pings are answered here
//     (stage.go). Nothing is sent to the server.
//  3. The first other request opens the real session with the client's own initialize, once
//     for all that wait for it, and follows behind (connect.go). A failure is the answer to
//     that request; the next one tries again. Without sessions (MCP 2026-07-28) the request is
//     sent at once.
//  4. Then the lists that the client was told are requested again. Those that differ are
//     declared changed, which is why the answer here says that lists can change. The record is
//     kept then; from there on only what belongs into it is looked at.
//
// An answer is kept for the one whose it is ([Memory.Owner]): who has signed in, and what else
// the server may go by. That is asked again before each answer from here and before the first
// call, because another program may sign in. What the stand-in for a sign-in says (package
// signin) is not the server's and is not kept.
package lazy
