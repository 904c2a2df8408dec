// Command bench measures what a bridge costs between a local MCP client and a
// remote server, and compares bridges with each other and with the floor under
// all of them.
//
//  1. It builds mcp-login and the relay of the folder floor, and starts a server
//     of its own as a second process (role target): Streamable HTTP with JSON
//     or event-stream answers, HTTP+SSE, plain and with TLS, with or without a
//     login.
//  2. For every measure it starts one bridge after the other, A B C A B C, once
//     per round; the driver speaks JSON lines with it and checks every answer.
//  3. What a round gives are figures by name; a report shows the median over
//     the rounds, and the median of the ratios inside each round, which other
//     work on the machine moves less than the figures themselves.
//
// Processor time and memory come from the kernel and are there on Linux only.
//
//	go run ./test/bench                      mcp-login and the floors
//	go run ./test/bench --peers              the npm bridges as well
//	go run ./test/bench --bridge 'x=cmd {url}'
package main
