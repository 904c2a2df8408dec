// Package bridge relays JSON-RPC between a local MCP client on a line stream
// and a remote server.
//
//  1. [Run] reads one message per line. What is not JSON-RPC is answered with
//     an error, and reading goes on.
//  2. What is under way is one state, changed in one place. Requests run side by
//     side, so many at once; further ones wait in a bounded queue, and beyond that
//     are refused. Cancels, answers to the server's questions, pings and
//     notifications do not wait for requests, and reading never waits for the
//     server. Nothing overtakes initialize or notifications/initialized;
//     notifications keep their order.
//  3. Package upstream carries the bytes to the server and brings back what it
//     says; each message becomes one line and one Write, except large answers,
//     which are written in pieces while nothing else is.
//  4. Every request ends in exactly one answer: the server's, or an error of
//     the bridge with the request's own id and a hint (see the codes).
//  5. When stdin ends, requests under way get a short time; then they are
//     answered, the session is ended at the server, and Run returns.
//
// The package sees no token and knows no OAuth: the http.Client inside the
// Upstream signs requests. Advice in errors travels by the method UserHint.
package bridge
