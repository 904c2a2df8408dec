// Package retry says when something is tried again, and lets many wait for one try.
//
//  1. [Backoff] is the pause after some failures in a row: it doubles, has a cap, and
//     a little chance in it. [Doubled] is the same without chance.
//  2. [After] reads what a server asked to wait (Retry-After).
//  3. [Sleep] waits for a time, [Await] for work; both end with a context. [Every] does
//     something again and again.
//  4. [Call] is work under way that everybody waits for who needs its result.
//  5. [Repeatable] marks the context of a request that may be sent twice.
//
// What may be tried again, and how often, is the caller's to know. A mutex that ends
// with a context is golang.org/x/sync/semaphore with a weight of one. The package
// imports nothing of the project.
package retry
