// Package conformance runs the official MCP conformance suite against the real
// mcp-login binary, by way of the driver in the folder below, and in server mode
// against the real whoami-server, by way of a proxy that adds a token.
package conformance
