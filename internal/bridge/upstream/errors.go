package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/reach"
)

// Reason tells failures apart for the code of the JSON-RPC error.
type Reason uint8

// The reasons a message cannot be delivered or answered.
const (
	// Unreachable: no connection, or none that lasted until an answer began.
	Unreachable Reason = iota + 1
	// Refused: the server answered with an HTTP error.
	Refused
	// NotMCP: what answered does not look like an MCP server.
	NotMCP
	// Interrupted: the answer's stream ended before the answer; the server
	// may have done what it was asked.
	Interrupted
	// TooLarge: the answer passed the configured limit.
	TooLarge
	// Redirected: the server sent the message elsewhere, and it was not
	// followed.
	Redirected
)

// Error is a message that was not answered.
type Error struct {
	Reason Reason
	// Status is the HTTP status, 0 without one.
	Status int
	// RetryAfter is what the server asked to wait, 0 when it did not say.
	RetryAfter time.Duration
	// Hint is a next step for people, "" when none is known.
	Hint string
	// Err is the cause.
	Err error
}

// Error returns the cause as one line: servers have their say in it.
func (e *Error) Error() string { return foreign.Message(e.Err.Error()) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// HTTPStatus returns the HTTP status, 0 without one.
func (e *Error) HTTPStatus() int { return e.Status }

// RetryAfterSeconds returns what the server asked to wait, 0 when it did not say.
func (e *Error) RetryAfterSeconds() int { return int(e.RetryAfter.Seconds()) }

// JSONRPCCode returns the code of the error that answers the request.
func (e *Error) JSONRPCCode() int {
	switch e.Reason {
	case Unreachable:
		return jsonrpc.CodeUnreachable
	case Refused, Redirected:
		return jsonrpc.CodeRefused
	case NotMCP:
		return jsonrpc.CodeNotMCP
	case Interrupted:
		return jsonrpc.CodeInterrupted
	case TooLarge:
		return jsonrpc.CodeTooLarge
	}
	return jsonrpc.CodeFailed
}

// UserHint returns the next step.
func (e *Error) UserHint() string { return foreign.Message(e.Hint) }

// unreachable wraps an error of http.Client.Do. Errors with advice of their
// own, such as those of the signing transport, pass unchanged.
func unreachable(err error) error {
	err = foreign.HTTPError(err)
	var advised interface{ UserHint() string }
	if errors.As(err, &advised) {
		return err
	}
	next := "check the address and the network; the next request tries again"
	err = reach.Explain(err)
	if errors.As(err, &advised) {
		next = cmp.Or(advised.UserHint(), next)
	}
	return &Error{Reason: Unreachable, Err: fmt.Errorf("cannot reach the server: %w", err), Hint: next}
}
