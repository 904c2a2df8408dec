// Command driver lets the official MCP conformance suite judge mcp-login. The
// suite judges clients that speak HTTP; the bridge speaks stdio, so the driver is
// the local client around it:
//
//  1. The suite starts it with the URL of its mock server as the last argument.
//  2. It starts the binary that MCP_LOGIN_BINARY names with that URL, an empty
//     state folder, and itself as the browser.
//  3. It speaks MCP on the bridge's stdio: initialize, tools/list, and a call of
//     each tool; it answers what the server asks with the schema's defaults.
//  4. Its exit status is 0 when every request was answered with a result.
//
// Of the scenario's own data only what no client could know is handed on: a
// registered client, or the address of a metadata document.
package main
