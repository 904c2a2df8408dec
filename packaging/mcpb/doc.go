// Command mcpb writes the bundles that Claude Desktop opens, and server.json, which tells
// the MCP registry of the npm package and of the bundles.
//
//  1. DIST/*.mcpb, four of them, hold the program of one system each: a manifest has no word
//     for an architecture. They are zip files without times of their own, so that the same
//     release gives the same bytes.
//  2. Only the address of the server is an argument. What a person leaves empty would stand
//     there as ${user_config.NAME}; an empty variable is none.
//  3. DIST/server.json names the bundles with their checksums.
//
// It is run in the folder of the repository: go run ./packaging/mcpb DIST
package main
