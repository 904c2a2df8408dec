// Package bridge relays JSON-RPC between a local MCP client on a line stream
// and a remote server.
//
//  1. [Run] reads one message per line (bridge.go, lines.go). What is not JSON-RPC is
//     answered with an error, and reading goes on. An array is taken apart (batch.go).
//  2. What is under way is one state, changed in one place, with its limits (state.go).
//     Each kind of message goes its way from there (dispatch.go): requests run side by
//     side, so many at once, each in a goroutine (carry.go); further ones wait in a bounded
//     queue, and beyond that are refused. Cancels, answers to the server's questions, pings and
//     notifications do not wait for requests, and reading never waits for the
//     server. Nothing overtakes initialize or notifications/initialized;
//     notifications keep their order.
//  3. Messages go through a stack of stages ([jsonrpc.Stage]), each of which passes on
//     what it does not answer: the sign-in stand-in (package signin), the tool filter
//     ([Filter], filter.go, spelling.go), the translation between revisions (package
//     protover), the wire (package upstream). Whoever calls Run stacks those that the run
//     needs; a message goes past a stage that has nothing to do with it ([jsonrpc.First]).
//  4. What comes back has one way: the request's own [jsonrpc.Sink] (sink.go). Each
//     message becomes one line and one Write (output.go), except large answers, which
//     are written in pieces while nothing else is.
//  5. Every request ends in exactly one answer: the server's, or an error of
//     the bridge with the request's own id and a hint (errors.go; see the codes).
//  6. When stdin ends, requests under way get a short time; then they are
//     answered, the session is ended at the server, and Run returns (bridge.go).
//
// Pings by which the bridge itself keeps a connection open are in keepalive.go.
//
// The package sees no token and knows no OAuth and no HTTP. Errors of the stages say
// their code by the method JSONRPCCode and what to do by UserHint.
package bridge
