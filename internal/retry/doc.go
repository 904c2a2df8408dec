// Package retry says when something is tried again.
//
//  1. [Wait] is the pause after some failures in a row: it doubles, has a cap, and
//     a little chance in it.
//  2. [After] reads what a server asked to wait.
//  3. [Sleep] waits, and ends with a context; [Each] does something again and again.
//
// What may be tried again, and how often, is the caller's to know. The package
// imports nothing of the project.
package retry
