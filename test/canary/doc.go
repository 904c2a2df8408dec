// Package canary puts characters that nobody may get to see into every string that
// a stranger can send, runs the built programs, and looks at what reaches a
// terminal, a pipe and a client.
//
//  1. The types that strangers fill are read from the source, so that a member added
//     later has its canary as well, without anybody thinking of it.
//  2. What has no such type is listed: errors and results of JSON-RPC, headers and
//     status texts, redirects, certificates, files of mcp-remote, configurations.
//  3. Each is driven through the verbs in both forms, for people and --json, on a
//     real pseudo-terminal and on pipes.
package canary
