// Package sse reads event streams as the WHATWG HTML standard defines them (section
// "Server-sent events").
//
//  1. A [Reader] reads lines that end with LF, CR or CRLF, skips a byte order mark and
//     comments, and collects the fields of one event.
//  2. [Reader.Next] returns at each blank line. Unlike a browser it also returns events
//     without data, because their id and retry matter for resuming, and, beside the end of
//     the stream, an event whose blank line is missing.
//  3. Data may have any size; each byte is copied twice at most. With a limit a larger event
//     arrives without data and marked, and the stream goes on.
//
// The package knows neither HTTP nor JSON.
package sse
