// Package lines reads and writes what a client and a bridge say to each other: one
// JSON-RPC message on a line.
package lines
