// Package cli holds the verbs of mcp-login: their flags, and what people and
// scripts read of them.
//
// A run goes through these steps:
//
//  1. Run hands the process's streams, arguments and environment to an app (app.go,
//     environment.go). What others read of the environment is no setting of ours: the
//     proxies of net/http, the user behind sudo, and what store hands to keyring
//     libraries.
//  2. A cobra command, one file each, listed in root.go, reads its flags into options
//     (options.go; general.go has those that are right for any server, connection.go
//     those about the connection; what headers they make is in header.go). Which flags a
//     verb takes, and where they stand in its help, is in flagtable.go and helptext.go; what a
//     shell may offer for a word is in complete.go.
//  3. open makes an account of them (open.go; package account): kept login (keptlogin.go),
//     OAuth client, connection (connection.go).
//  4. The verb does its job and returns an error or nil.
//  5. run turns the error into an exit code, an error line with a hint, and an
//     object for whoever asked for JSON (app.go, output.go). A command line that cannot be
//     parsed is answered with the one that was probably meant (mistakes.go,
//     mistakenflags.go, mistakenarguments.go; package commandline).
//
// In bridge mode stdout carries JSON-RPC lines and nothing else; everything
// for people goes to stderr.
package cli
