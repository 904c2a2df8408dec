// Command whoami shows the whole project at work on this machine, with nothing
// installed but Go:
//
//  1. devidp, a development OpenID provider that behaves like Logto, starts.
//  2. The whoami MCP server starts and trusts that provider.
//  3. The real mcp-login binary is built and started as an MCP client would
//     start it, with the server's URL as its only argument.
//  4. The server answers 401; mcp-login discovers the provider, registers
//     itself and opens the login page in your browser. With -auto, or where no
//     browser can be opened, the demo chooses alice by itself.
//  5. The client calls the whoami tool through the bridge and prints the claims.
//
// Everything listens on 127.0.0.1, is kept in a temporary folder, and is gone
// at the end.
//
//	go run ./examples/whoami          sign in in your browser
//	go run ./examples/whoami -auto    nobody is asked
package main
