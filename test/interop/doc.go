// Package interop runs the real programs against independent ones: the client
// libraries mcp-go and go-sdk, the MCP Inspector, npm mcp-remote, npm
// oidc-provider as a provider configured like Logto, Chromium, and a Secret
// Service.
package interop
