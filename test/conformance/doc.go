// Package conformance runs the official MCP conformance suite against the real
// mcp-login binary, by way of the driver in the folder below.
package conformance
