// Package jsonrpc looks at JSON-RPC 2.0 messages without changing them.
//
//  1. [Parse] checks that a line is one JSON text and notes where the members
//     of its envelope stand. The bytes are kept: ids of any size, the spelling
//     of numbers, duplicate and unknown members, and the order of keys survive
//     because nothing is ever encoded again. Its [Scanner] alone does it
//     for texts that come in pieces, and are passed on before they are complete.
//  2. [Message.Param] and [Member] find a few values deeper inside, on demand, and
//     [Edited] changes them; all other bytes stay.
//  3. [ErrorResponse] builds the answers that the bridge gives by itself.
//  4. [ParseLine] makes one line of a message that arrived as several.
//  5. [Sink] takes what comes back: whole messages, or a large answer in pieces.
//  6. [Ask] sends a request and returns the answer; [NewRequest] and [NewID] build one.
//
// It also has what all stages share: the stack itself ([Stage]), the MCP revisions, and the
// codes of mcp-login's own errors. It knows no transport.
package jsonrpc
