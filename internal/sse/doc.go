// Package sse reads and writes event streams as the WHATWG HTML standard
// defines them (section «Server-sent events»).
//
//  1. A [Reader] takes lines ended by LF, CR or CRLF, skips a byte order mark
//     and comments, and collects the fields of one event.
//  2. [Reader.Next] returns at each blank line. Unlike a browser it returns
//     events without data too, because their id and retry matter for resuming,
//     and beside the end of the stream one whose blank line is missing.
//  3. Data of any size passes through; each byte is copied twice at most. A limit makes
//     a too large event arrive empty and marked, and the stream goes on.
//
// The package does no input or output of its own and knows neither HTTP nor
// JSON.
package sse
