// Package jsonrpc looks at JSON-RPC 2.0 messages without changing them.
//
//  1. [Parse] checks that a line is one JSON text and notes where the members
//     of its envelope stand. The bytes are kept: ids of any size, the spelling
//     of numbers, duplicate and unknown members, and the order of keys survive
//     because nothing is ever encoded again (message.go). Its [Scanner] alone does it
//     for texts that come in pieces, and are passed on before they are complete
//     (scan.go, scanvalues.go, envelope.go).
//  2. [Message.Param] and [Member] find a few values deeper inside, on demand
//     (message.go), and [Edited] changes them; all other bytes stay (edit.go).
//  3. [ErrorResponse] builds the answers that the bridge gives by itself (response.go).
//  4. [ParseLine] makes one line of a message that arrived as several (message.go).
//  5. [Sink] takes what comes back: whole messages, or a large answer in pieces (sink.go).
//  6. [Ask] sends a request and returns the answer; [NewRequest] and [NewID] build one
//     (ask.go).
//
// It also has what all stages share: the stack itself ([Stage], stage.go), the MCP revisions
// (revision.go), and the codes of mcp-login's own errors (codes.go). It knows no transport.
package jsonrpc
