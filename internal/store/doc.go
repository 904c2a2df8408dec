// Package store keeps credentials between runs, behind the OS keyring where
// there is one, and shares them safely between all processes of a user.
//
// The flow of a [Store.Save] to disk:
//
//  1. The directory is made with mode 0700, or checked: its owner and its mode
//     (files.go).
//  2. The credential becomes one JSON record, the only place where secrets are
//     revealed (credentialfile.go).
//  3. The record is sealed with AES-256-GCM under a random key that lives in
//     the OS keyring (seal.go, keyring.go). The format version, the
//     kind of store and the identity are authenticated with it, so that a file that
//     was changed, cut or moved to another identity does not open. Where no keyring
//     works, a file of mode 0600 takes its place, and the person is told once. On a
//     server without a keyring the key may be in a file, sealed under a passphrase
//     (passphrase.go).
//  4. The file is written beside the old one, synced and renamed over it: a
//     reader and a crash see the old credential or the new one (files.go).
//  5. The index, which holds no secret, is brought up to date (index.go), and
//     temporary files of writers that died are removed.
//
// [Store.Load] runs it backwards and asks the keyring once per process.
//
// Every identity has two locks between processes: [Store.Lock] is held while a token
// is refreshed, [Store.LockLogin] while a person is asked. Both are the kernel's file
// locks, which are free the moment their holder dies, with a lock inside the process
// around them; lockfile.go stands in where a file system has none. All waiting for
// another process is one loop, in lock.go.
//
// A login of which other processes know:
//
//  1. Its process takes the login's lock and publishes a [Pending] record beside it,
//     with [Store.SetPending], and again when it knows what to show the person.
//  2. Who waits in LockLogin looks at the record, is told what is shown, and tries the
//     lock when the record has changed or is gone, and now and then in case that the
//     process has died (loginlock.go).
//  3. The record is gone when the login has ended: by itself, or because somebody took
//     it away ([Store.EndLogin]), which its process sees ([Store.Permitted]).
//  4. Whoever gets the lock and finds a record knows that the process has died, and
//     leaves a mark of that in its place ([Store.LoginDied]).
//  5. The lock is taken away from a process that was stopped, when its login is
//     overdue or does not end when it is told to ([Store.BreakLoginLock]).
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
