// Package providers is a collection of small stand-ins for what real providers
// and MCP servers do, each with the place where that was seen. The built
// mcp-login, npm mcp-remote and the client of the TypeScript SDK run against the
// same ones.
//
// A case (case_test.go) is a fake and the steps to take with it. A fake is data:
// the documents that are published, and functions only where a provider or a
// server differs from the plain ones in provider_test.go and server_test.go. All
// of it runs behind one proxy on loopback (world_test.go), with the real host
// names and TLS by an authority of the test's own; nothing leaves the machine.
//
// What mcp-login does not do yet stands in known_test.go. That list can only
// shrink: a case in it that passes is an error.
package providers
