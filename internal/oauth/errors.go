package oauth

import (
	"cmp"
	"errors"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
)

// Sentinels that callers branch on.
var (
	// ErrLoginRequired means that only a person can help, and that none was
	// to be asked (token and status never open a browser).
	ErrLoginRequired = errors.New("sign-in required")
	// ErrDenied means that the person or the provider refused the login.
	ErrDenied = errors.New("sign-in refused")
	// ErrLoginTimeout means that nobody finished the login in time.
	ErrLoginTimeout = errors.New("sign-in not finished in time")
	// ErrEnded means that somebody has ended the login, with logout.
	ErrEnded = errors.New("sign-in ended")
	// ErrHeld means that another process holds a lock for longer than its work can
	// take: it was stopped, or hangs.
	ErrHeld = errors.New("another process of mcp-login is stopped or hangs")
	// ErrNotDelegated is what Config.Delegate returns when the login cannot
	// run in another process; it then runs in this one.
	ErrNotDelegated = errors.New("no separate process for the login")
)

// Error is a failure with a next step for people.
type Error struct {
	// Op is what was being done, in the form "register client"; "" where Err says it.
	Op string
	// Code is the OAuth error code (RFC 6749 sections 4.1.2.1 and 5.2,
	// RFC 8707), "" when the failure has none.
	Code string
	// Hint says what the person can do, "" when nothing useful is known.
	Hint string
	// Err is the cause.
	Err error
}

// Error returns the operation, the code and the cause, without the hint, as one
// line: providers have their say in it.
func (e *Error) Error() string {
	var parts []string
	if e.Op != "" {
		parts = append(parts, e.Op)
	}
	if e.Code != "" {
		parts = append(parts, foreign.Line(e.Code))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return foreign.Message(strings.Join(parts, ": "))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// UserHint returns the next step for people; the bridge and the terminal find
// it with errors.As on an interface, so that neither imports this package.
func (e *Error) UserHint() string { return foreign.Message(e.Hint) }

// OAuthCode returns the OAuth error code; the loopback page picks its fixed
// sentence by it.
func (e *Error) OAuthCode() string { return e.Code }

// asError makes a failure with a hint an *Error, by which callers know a failure of
// the sign-in. Other errors stay as they are.
func asError(err error) error {
	if next := hint.Of(err); next != "" {
		return &Error{Err: err, Hint: next}
	}
	return err
}

// unavailable is discovery.Unavailable as an *Error.
func unavailable(op string, err error) error {
	err = discovery.Unavailable(op, err)
	return &Error{Err: err, Hint: hint.Of(err)}
}

// busy is discovery.Busy as an *Error.
func busy(op string, status int) error { return asError(discovery.Busy(op, status)) }

// signInError is err as an *Error with a next step, so that whoever waits for a
// request takes it neither for one of the connection to the server nor for a stream
// that broke.
func (c *Client) signInError(err error) error {
	var own *Error
	if errors.As(err, &own) && own.Hint != "" {
		return err
	}
	next := cmp.Or(hint.Of(err), "to find out why, run: "+Command("doctor", c.cfg.Key, c.cfg.Named, c.cfg.Accepted, c.cfg.LoginFlags...))
	return &Error{Op: "sign in to " + c.cfg.Server.Redacted(), Err: err, Hint: next}
}

// errForeignAnswer is an answer with another issuer (RFC 9207, section 2.4).
var errForeignAnswer = errors.New("it comes from another issuer than the one that was asked")

// resumeError is told to the tab of a login that goes on in it, in the place of a
// failure.
type resumeError struct{ to string }

func (resumeError) Error() string { return "the login goes on" }

// ResumeAt returns where the tab is to go.
func (r resumeError) ResumeAt() string { return r.to }

// told is a failed login as the page in the browser is told of it.
type told struct{ error }

// Unwrap returns the failure.
func (t told) Unwrap() error { return t.error }

// LoginFailure names a failure that has no OAuth error code: foreign,
// unavailable, timeout, or "".
func (t told) LoginFailure() string {
	switch {
	case errors.Is(t.error, errForeignAnswer):
		return "foreign"
	case errors.Is(t.error, ErrLoginTimeout):
		return "timeout"
	case errors.Is(t.error, discovery.ErrUnavailable):
		return "unavailable"
	}
	return ""
}
