// Package interop runs the real programs against independent ones: the client
// libraries mcp-go and go-sdk, the MCP Inspector, npm mcp-remote, npm
// oidc-provider as a provider configured like Logto, Chromium, and a Secret
// Service. pages_test.go looks at the page after a sign-in, in Chromium.
package interop
