// Package faults runs the real mcp-login between a client and a server that
// have a bad line between them.
//
//  1. A server of this test speaks Streamable HTTP and counts what reaches it.
//  2. A TCP proxy of this test stands before it: it cuts all connections, slows
//     them down or cuts them in the middle of an answer.
//  3. The client sends requests and keeps a book: every id is to be answered
//     exactly once, with the server's answer or with an error of the bridge.
//
// The run of ten minutes has the build tag soak.
package faults
