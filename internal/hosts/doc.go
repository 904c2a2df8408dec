// Package hosts knows the configuration files of MCP hosts, the programs that people
// call their MCP clients: where the files are, how a server is written into them, and how
// to change one entry and nothing else. Reading and editing go from bytes to bytes;
// places.go, server.go, write.go and Backups in remove.go touch the disk.
//
//  1. [All] is the table of hosts (table.go), [Find] looks a name up in it;
//     [Host.Present] and [Host.Written] say where its files are on a [System].
//  2. A file is read into one tree of nodes with their byte ranges (tree.go), by a reader
//     for JSON with comments and trailing commas (json.go), TOML (toml.go) or YAML
//     (yaml.go). Servers are found in the tree, whatever the format. What cannot be parsed
//     is refused with [ErrBroken]; what is valid but laid out in a way that
//     cannot be edited safely, with [ErrLayout].
//  3. [Host.Set], [Host.Remove], [Host.RemoveEach] and [Host.Rewrite] make a few edits of byte
//     ranges. Bytes outside them are copied. Rewrite makes entries that run mcp-remote
//     run mcp-login; launcher.go knows the ways in which people start mcp-remote.
//  4. The result is parsed again and compared with the original, with the changed
//     entries taken out of both (verify.go). Unless they are equal, and the entry is
//     what was asked for, the edit is refused: a fault in step 3 costs an error message,
//     never a file.
//  5. [Change.Write] puts the result in the place of the file and keeps a copy.
package hosts
