// Package store keeps credentials between runs, behind the OS keyring where
// there is one, and shares them safely between all processes of a user.
//
// The flow of a [Store.Save] to disk:
//
//  1. The directory is made with mode 0700, or checked: its owner and its mode.
//  2. The credential becomes one JSON record, the only place where secrets are
//     revealed.
//  3. The record is sealed with AES-256-GCM under a random key that lives in
//     the OS keyring. The format version, the kind of store and the identity
//     are authenticated with it, so that a file that was changed, cut or moved
//     to another identity does not open. Where no keyring works, a file of mode
//     0600 takes its place, and the person is told once. On a server without a
//     keyring the key may be in a file, sealed under a passphrase.
//  4. The file is written beside the old one, synced and renamed over it: a
//     reader and a crash see the old credential or the new one.
//  5. The index, which holds no secret, is brought up to date, and litter of
//     writers that died is removed.
//
// [Store.Load] runs it backwards and asks the keyring once per process.
// [Store.Lock] is the lock under which a token is refreshed or a login made:
// the kernel's own file lock, so that it is free the moment its holder dies,
// and one lock inside the process. A login in progress stands beside the lock
// as a [Pending] record, for those who wait.
//
// Requirements: MCP authorization, "Token Theft" (secure token storage) and
// "Authorization Server Binding"; RFC 6749 sections 10.3 and 10.4; OAuth 2.1
// section 4.3.1 (refresh tokens are bound and rotated, so exactly one process
// may spend one).
//
// What it does not do. It does not protect against programs that run as the
// same user: they can ask the keyring too. It does not detect that an older
// file of the same identity was put back: a counter in the keyring would, at
// the price of a keyring write at each refresh, and all that is gained by the
// old file is a refresh token that was spent. On Windows it relies on the access
// list of the user's own folder. It never asks a person for a password, and
// it does not judge whether a credential is still valid.
package store
