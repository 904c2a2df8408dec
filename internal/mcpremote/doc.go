// Package mcpremote reads what npm mcp-remote left behind: its command line, which
// stands in configurations everywhere, and the logins that it has stored. Both come out
// in terms of mcp-login. The package prints nothing.
//
//  1. [Translate] turns a command line into one of mcp-login. [Flags], [Arguments] and
//     [Variables] are its table (table.go), which the help and the documentation show;
//     values.go translates the values. A client that the provider knows by mcp-remote's
//     redirect URI keeps that URI, with the port that mcp-remote derives.
//  2. [Logins] reads the logins in mcp-remote's folder ([Folder]). Their files are named
//     by a hash of the server's address, so [Login.Identify] needs the addresses that may
//     be meant; [Identities] finds them in command lines of mcp-remote.
//  3. [Login.Credential] makes a credential of a login. What mcp-remote does not store
//     comes from metadata that the provider and the server publish (RFC 8414, RFC 9728).
//     No token is sent to anybody. [Login.TakeOver] keeps it in the store, unless
//     there is a login already.
//
// It does not read configuration files of MCP hosts (package hosts).
package mcpremote
