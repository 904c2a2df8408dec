// Package foreign is where text and bytes of strangers come in: of servers,
// providers, certificates and files of others.
//
//  1. [ReadBody] reads the body of an HTTP answer within a limit of bytes and of
//     time, and closes it.
//  2. [Discard] gives a connection back that an answer still stands on, if
//     little is left of it, and closes it otherwise.
//
// The package knows no protocol and imports nothing of the project.
package foreign
