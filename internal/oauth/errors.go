package oauth

import (
	"cmp"
	"errors"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Sentinels that callers branch on, besides those of discovery and grant.
var (
	// ErrLoginRequired means that only a person can help, and that none was
	// to be asked (token and status never open a browser).
	ErrLoginRequired = errors.New("sign-in required")
	// ErrEnded means that somebody has ended the login, with logout.
	ErrEnded = errors.New("sign-in ended")
	// ErrHeld means that another process holds a lock for longer than its work can
	// take: it was stopped, or hangs.
	ErrHeld = errors.New("another process of mcp-login is stopped or hangs")
	// ErrUnwritable means that a store can keep nothing, and that the person knows.
	ErrUnwritable = errors.New("logins cannot be kept")
	// ErrNotDetached is what Config.StartDetached returns when the login cannot
	// run in another process; it then runs in this one.
	ErrNotDetached = errors.New("no separate process for the login")
)

// signInError is err as an *grant.Error with a next step, so that whoever waits for a
// request takes it neither for one of the connection to the server nor for a stream
// that broke.
func (c *Client) signInError(err error) error {
	var own *grant.Error
	if errors.As(err, &own) && own.Hint != "" {
		return err
	}
	next := cmp.Or(hint.Of(err), "to find out why, run: "+c.command("doctor"))
	return &grant.Error{Op: "sign in to " + c.cfg.Server.Redacted(), Err: err, Hint: next}
}

// resumeError is told to the tab of a login that goes on in it, in the place of a
// failure.
type resumeError struct{ to string }

func (resumeError) Error() string { return "the login goes on" }

// ResumeAt returns where the tab is to go.
func (r resumeError) ResumeAt() string { return r.to }

// pageError is a failed login as the page in the browser shows it.
type pageError struct{ error }

// Unwrap returns the failure.
func (e pageError) Unwrap() error { return e.error }

// LoginFailure names a failure that has no OAuth error code: foreign,
// unavailable, timeout, or "".
func (e pageError) LoginFailure() string {
	switch {
	case errors.Is(e.error, grant.ErrOtherIssuer):
		return "foreign"
	case errors.Is(e.error, grant.ErrLoginTimeout):
		return "timeout"
	case errors.Is(e.error, discovery.ErrUnavailable):
		return "unavailable"
	}
	return ""
}
