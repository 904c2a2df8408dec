package grant

import (
	"errors"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
)

// Sentinels that callers branch on.
var (
	// ErrDenied means that the person or the provider refused the login.
	ErrDenied = errors.New("sign-in refused")
	// ErrLoginTimeout means that nobody finished the login in time.
	ErrLoginTimeout = errors.New("sign-in not finished in time")
	// ErrNotSent means that the client cannot authenticate, so that the provider was
	// not asked.
	ErrNotSent = errors.New("nothing was sent")
	// ErrOtherIssuer means that an answer comes from another issuer (RFC 9207, section
	// 2.4).
	ErrOtherIssuer = errors.New("it comes from another issuer than the one that was asked")
)

// Error is a failure of a sign-in, with what hint.Error has and the OAuth error code. That
// it is about the sign-in, and not about the connection to the MCP server, others tell by
// its method OAuthCode: the bridge answers 1002 then. What is wrong before anything is asked
// of a provider, such as a flag, is a *hint.Error.
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

// What is done at a provider that knows the client.
const (
	opAnswer     = "check the provider's answer"
	opPush       = "push the authorization request"
	opExchange   = "exchange the authorization code"
	opDevice     = "begin the login by device"
	opDeviceWait = "wait for the login by device"
	opRefresh    = "refresh the access token"
	opAssertion  = "present the assertion"
)

// KnowsClient reports whether e is of a step that is taken only at a provider that knows the
// client, so that there is a provider.
func (e *Error) KnowsClient() bool {
	return slices.Contains([]string{opAnswer, opExchange, opDevice, opDeviceWait, opRefresh}, e.Op)
}

// Error returns the operation, the code and the cause, without the hint, as one
// filtered line: providers have their say in it.
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

// UserHint returns the filtered hint; hint.Of looks for the method.
func (e *Error) UserHint() string { return foreign.Message(e.Hint) }

// OAuthCode returns Code. The bridge and the page in the browser look for the method.
func (e *Error) OAuthCode() string { return e.Code }

// AsError makes a failure that has a hint an [*Error] with the same text and hint.
// Other errors are returned as they are.
func AsError(err error) error {
	if next := hint.Of(err); next != "" {
		return &Error{Err: err, Hint: next}
	}
	return err
}

func unavailable(op string, err error) error {
	err = discovery.Unavailable(op, err)
	return &Error{Err: err, Hint: hint.Of(err)}
}

func busy(op string, status int) error { return AsError(discovery.Busy(op, status)) }

// NotSpentError marks a refresh that the provider has not looked at, so that it may be
// sent again after RetryAfter.
type NotSpentError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *NotSpentError) Error() string { return "the refresh token was not used" }
