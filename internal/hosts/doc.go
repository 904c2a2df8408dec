// Package hosts knows the configuration files of MCP clients: where they are,
// how a server is written into them, and how to change one entry and nothing
// else. Everything but Write is a pure function from bytes to bytes.
//
//  1. [All] is the table of clients; [Client.Locations] says where a client's
//     file may be on this system.
//  2. A file is parsed into a document: JSON with comments and trailing commas
//     (json.go), TOML (toml.go) or YAML (yaml.go). A document knows the byte
//     range of every word of every server's command line. What cannot be parsed
//     is refused with [ErrBroken]; what is valid but laid out in a way that
//     cannot be edited safely, with [ErrLayout].
//  3. [Client.Set], [Client.Remove] and [Client.Rewrite] turn the wish into a
//     few edits of byte ranges. Bytes outside them are copied.
//  4. The result is parsed again and compared with the original, with the
//     changed entries taken out of both. Unless they are equal, and the entry
//     says what was wished, the edit is refused: a fault in step 3 costs an
//     error message, never a file.
//  5. [Write] puts the result in place of the file, keeping a copy.
package hosts
