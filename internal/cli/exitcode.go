package cli

import (
	"context"
	"errors"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Exit codes, documented in docs/exit-codes.md.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitLogin       = 4
	exitStore       = 5
	exitInterrupted = 130
)

// errInterrupted is what is said of a verb that was told to stop.
var errInterrupted = errors.New("interrupted")

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// storeError marks what the store could not do, for the exit code.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// exitCode is the one place that turns an error into a number.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var store storeError
	var remote *upstream.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, account.ErrNoHandover):
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &store):
		return exitStore
	case errors.Is(err, oauth.ErrLoginRequired), errors.Is(err, grant.ErrDenied), errors.Is(err, grant.ErrLoginTimeout), errors.Is(err, oauth.ErrNotFound):
		return exitLogin
	case errors.Is(err, discovery.ErrUnavailable), errors.As(err, &remote) && remote.Reason == upstream.Unreachable:
		return exitUnreachable
	}
	return exitFailure
}
