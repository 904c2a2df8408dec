// Command mcp-login lets a local MCP client, which speaks stdio, use a remote
// MCP server behind OAuth.
//
//	mcp-login URL            bridge stdin and stdout to the server
//	mcp-login login URL      sign in now
//	mcp-login logout URL     revoke and forget
//	mcp-login status [URL]   what is stored, and until when
//	mcp-login token URL      print a valid access token
//
// It sets up the process and its signals; internal/cli does the rest.
package main
