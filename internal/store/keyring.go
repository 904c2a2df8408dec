package store

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/zalando/go-keyring"
	"golang.org/x/sync/semaphore"

	"mcp-login/internal/hint"
)

// keyringTimeout is how long one keyring call may take. A healthy keyring
// answers within 20 ms; one that waits for a person, or was stopped, would
// block for ever.
const keyringTimeout = 3 * time.Second

// passphraseTimeout is the same for a key that is derived from a passphrase:
// computing, which twenty processes on a small machine may do at once.
const passphraseTimeout = 30 * time.Second

// keyringBackend keeps the key: the OS keyring, or a file under a passphrase. An
// error that is no *KeyringError counts as KeyringOther. Calls may block: the store
// puts a deadline on each.
type keyringBackend interface {
	// Get returns the secret of account, or a *KeyringError whose state is
	// KeyringNotFound.
	Get(service, account string) (string, error)
	// Set creates or replaces the secret of account.
	Set(service, account, secret string) error
}

// boundedKeyring puts a deadline on every call to a keyring. A call cannot be
// cancelled, so at most one runs at a time and at most one goroutine is ever
// left behind; while it is overdue further calls fail at once, and when it
// returns at last, because a person answered, the keyring is usable again.
type boundedKeyring struct {
	inner keyringBackend
	limit time.Duration
	busy  *semaphore.Weighted // of the call that runs

	mu      sync.Mutex
	running bool
	overdue bool
	idle    []func() // to run when the running call returns
}

func newBoundedKeyring(inner keyringBackend, limit time.Duration) *boundedKeyring {
	return &boundedKeyring{inner: inner, limit: limit, busy: semaphore.NewWeighted(1)}
}

type keyringAnswer struct {
	value string
	err   error
}

// call runs f with the deadline. The errors are those of ctx and *KeyringError.
func (b *boundedKeyring) call(ctx context.Context, op string, f func() (string, error)) (string, error) {
	b.mu.Lock()
	overdue := b.overdue
	b.mu.Unlock()
	if overdue {
		return "", &KeyringError{Op: op, State: KeyringTimeout}
	}
	wait, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	if b.busy.Acquire(wait, 1) != nil {
		return "", b.unanswered(ctx, op)
	}
	b.mu.Lock()
	b.running = true
	b.mu.Unlock()
	answer := make(chan keyringAnswer, 1)
	go func() {
		defer b.finish()
		answer <- recovered(f)
	}()
	select {
	case a := <-answer:
		return a.value, asKeyringError(op, a.err)
	case <-wait.Done():
		return "", b.unanswered(ctx, op)
	}
}

// recovered turns a panic inside a keyring library into an error: a bus that
// goes away in the middle of a prompt must not take the bridge with it.
func recovered(f func() (string, error)) (a keyringAnswer) {
	defer func() {
		if p := recover(); p != nil {
			a = keyringAnswer{err: fmt.Errorf("the keyring library panicked: %v", p)}
		}
	}()
	a.value, a.err = f()
	return a
}

// unanswered is the error of a call that has had no answer. Unless ctx has ended, the
// running call is overdue.
func (b *boundedKeyring) unanswered(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overdue = b.running
	return &KeyringError{Op: op, State: KeyringTimeout, Err: fmt.Errorf("no answer within %v", b.limit)}
}

func (b *boundedKeyring) finish() {
	b.mu.Lock()
	b.running, b.overdue = false, false
	idle := b.idle
	b.idle = nil
	b.mu.Unlock()
	for _, f := range idle {
		f()
	}
	b.busy.Release(1)
}

// whenIdle runs f now, or when the call that is still running has returned.
func (b *boundedKeyring) whenIdle(f func()) {
	b.mu.Lock()
	if b.running {
		b.idle = append(b.idle, f)
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	f()
}

func (b *boundedKeyring) get(ctx context.Context, service, account string) (string, error) {
	return b.call(ctx, "read", func() (string, error) { return b.inner.Get(service, account) })
}

func (b *boundedKeyring) set(ctx context.Context, service, account, secret string) error {
	_, err := b.call(ctx, "write", func() (string, error) { return "", b.inner.Set(service, account, secret) })
	return err
}

func asKeyringError(op string, err error) error {
	var ke *KeyringError
	var hinted *hint.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &hinted): // of a passphrase, or a file that is not safe
		return err
	case errors.As(err, &ke):
		return &KeyringError{Op: op, State: ke.State, Err: ke.Err}
	}
	return &KeyringError{Op: op, State: KeyringOther, Err: err}
}

// osKeyring is the keyring of the operating system: macOS Keychain, Windows
// Credential Manager, or the Secret Service of a D-Bus session. getenv must
// show what the process sees, because go-keyring looks there itself.
type osKeyring struct{ getenv func(string) string }

// Get implements keyringBackend.
func (k osKeyring) Get(service, account string) (string, error) {
	if err := reachable(k.getenv); err != nil {
		return "", err
	}
	v, err := keyring.Get(service, account)
	return v, classify(err)
}

// Set implements keyringBackend.
func (k osKeyring) Set(service, account, secret string) error {
	if err := reachable(k.getenv); err != nil {
		return err
	}
	return classify(keyring.Set(service, account, secret))
}

// Delete removes the secret of account.
func (k osKeyring) Delete(service, account string) error {
	if err := reachable(k.getenv); err != nil {
		return err
	}
	return classify(keyring.Delete(service, account))
}

// classify names the state behind an error of go-keyring, which knows only
// one of them by type.
func classify(err error) error {
	if err == nil {
		return nil
	}
	state := platformState(err)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return &KeyringError{State: KeyringNotFound}
	case errors.Is(err, keyring.ErrUnsupportedPlatform), errors.Is(err, exec.ErrNotFound):
		state = KeyringUnavailable
	}
	return &KeyringError{State: state, Err: err}
}
