package protover

import "mcp-login/internal/foreign"

// Error is a request that was not carried over from one era to the other.
type Error struct {
	// Text says what happened, in one sentence.
	Text string
	// Hint is a next step for people, "" when none is known.
	Hint string
}

// Error returns the text as one line: servers have their say in it.
func (e *Error) Error() string { return foreign.Message(e.Text) }

// UserHint returns the next step.
func (e *Error) UserHint() string { return e.Hint }
