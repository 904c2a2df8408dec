// Command servers measures what a protected MCP server costs: whoami-server,
// and with --peers the sample of mcp-auth's tutorial on Node.js, against the
// same provider, in the same run.
//
//  1. It builds whoami-server as it is released and starts a provider that
//     behaves like Logto, whose opaque tokens are good for userinfo and whose
//     JWTs are signed with ES384; it counts what it is asked.
//  2. In each round one server after the other, A B A B, is started, looked at
//     while it idles, and called by 32 connections that stay open, each with a
//     token of its own user. Every answer is checked: status, id, user.
//  3. Then thousands of event streams are opened and left alone, and the
//     heartbeats of each are counted, while memory is looked at.
//  4. The report shows medians over the rounds, and medians of the ratios inside
//     a round. A wrong answer, a lost heartbeat or a visit to the provider too
//     many is an error; how fast it was never is.
//
// Processor time and memory come from the kernel and are there on Linux only.
//
//	go run ./test/bench/servers
//	go run ./test/bench/servers --peers
//
// With --gateway it measures whoami-server in front of another server instead, beside
// that server alone, httputil.ReverseProxy and, with --peers, oauth2-proxy.
//
//	go run ./test/bench/servers --gateway --peers
package main
