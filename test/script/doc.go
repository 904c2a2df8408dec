// Package script runs the real programs by scripts, one file of testdata per
// subject.
//
//  1. mcp-login and whoami-server are built as a user gets them.
//  2. A script starts a provider and a server on this machine (lab), or a site
//     that is no MCP server (site), and runs mcp-login with files as its input.
//  3. The test binary itself is the browser: alice, or somebody who declines.
//
// Peers that are not ours are in interop.
package script
