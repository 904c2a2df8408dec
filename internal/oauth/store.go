package oauth

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is what Store.Load returns when there is no credential under
// the key.
var ErrNotFound = errors.New("no stored credential")

// Store keeps credentials. Package store has the implementations: the
// envelope sealed by a key in the OS keyring, the plain file and memory; one
// test suite holds for all of them. A Store is safe for concurrent use by
// goroutines, and the durable ones by processes.
//
// It has two locks for each account. Lock is held while a credential is read,
// renewed and written, which takes as long as the provider needs; LockLogin
// while a person is asked, which takes minutes. Who holds LockLogin may take
// Lock, never the other way round.
type Store interface {
	// Load returns the credential under key, or ErrNotFound.
	Load(ctx context.Context, key Key) (Credential, error)
	// Save replaces the credential under key as one step: a reader or a crash
	// sees the old one or the new one.
	Save(ctx context.Context, key Key, cred Credential) error
	// Delete removes the credential; a missing one is no error.
	Delete(ctx context.Context, key Key) error
	// Lock waits until this caller alone may change the credential under key,
	// among all goroutines and processes of the user, or until ctx ends. The
	// lock of a process that died is free at once. unlock may be called once.
	Lock(ctx context.Context, key Key) (unlock func(), err error)
	// LockLogin waits in the same way until this caller alone may ask the
	// person to sign in. Meanwhile follow is called with what another process shows
	// its person, and again when that changes; it may be nil. Stores in memory never
	// call it, nor does a Store whose own process holds the lock.
	LockLogin(ctx context.Context, key Key, follow func(Prompt)) (unlock func(), err error)
	// ChangeAsks replaces what is known of the server and profile of key, the
	// rest of which does not matter, by what f makes of it. No other goroutine
	// or process changes it meanwhile, and it is kept when ChangeAsks returns.
	ChangeAsks(ctx context.Context, key Key, f func(AskState) AskState) error
	// LoginUnderWay reports whether somebody holds LockLogin now. It does not
	// wait; what it cannot find out counts as no.
	LoginUnderWay(ctx context.Context, key Key) bool
	// LoginDied reports whether the process that asked last ended without a
	// word, neither by itself nor because it was told to.
	LoginDied(ctx context.Context, key Key) bool
}

// saveTimeout bounds the keeping of what must not be lost.
const saveTimeout = 30 * time.Second
