// Package clients will find and edit the configuration files of MCP clients:
// pure functions from bytes to bytes, which keep everything they do not mean to
// change. The command line's config verb is built on it.
package clients
