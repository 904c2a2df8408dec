// Package cli holds the verbs of mcp-login: their flags, and what people and
// scripts read of them.
//
// A run goes through these steps:
//
//  1. Run hands the process's streams, arguments and environment to an app. What
//     others read of the environment is no setting of ours: the proxies of
//     net/http, the user behind sudo, and what store hands to keyring libraries.
//  2. A cobra command, one file each, reads its flags into options.
//  3. open makes an account of them (package account): kept login, OAuth client,
//     connection.
//  4. The verb does its job and returns an error or nil.
//  5. run turns the error into an exit code, an error line with a hint, and an
//     object for whoever asked for JSON.
//
// In bridge mode stdout carries JSON-RPC lines and nothing else; everything
// for people goes to stderr.
package cli
