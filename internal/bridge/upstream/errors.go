package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/neterror"
)

// Reason tells failures apart for the code of the JSON-RPC error.
type Reason uint8

// The reasons why a message cannot be delivered or answered.
const (
	// Unreachable: no connection, or none that lasted until an answer began.
	Unreachable Reason = iota + 1
	// Refused: the server answered with an HTTP error.
	Refused
	// NotMCP: what answered does not look like an MCP server.
	NotMCP
	// Interrupted: the response ended before the answer; the server may have done
	// what it was asked.
	Interrupted
	// TooLarge: the answer is larger than Config.MaxMessage.
	TooLarge
	// Redirected: the server answered with a redirect that is not followed.
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

// Error returns the cause as one line, because servers have their say in it.
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

// UserHint returns the next step; see package hint.
func (e *Error) UserHint() string { return foreign.Message(e.Hint) }

// Next steps for people.
const (
	// AddressHint is for an answer that is not from an MCP server.
	AddressHint = "is this the address of an MCP server? It usually ends in /mcp or /sse"
	// GatewayHint is for what a gateway answers in the place of the server: it has a
	// sign-in of its own, which no OAuth login of the server satisfies.
	GatewayHint = "if a gateway or a firewall in front of the server has its own sign-in, give it what it accepts: --header 'Name: ${VARIABLE}', or a token in MCP_LOGIN_TOKEN"
	// restartHint is for a server that takes neither the session nor a new one.
	restartHint = "restart the client"
	// doneHint is for a request whose answer is lost.
	doneHint = "the server may have done what it was asked; look before you repeat it"
)

// unreachable wraps an error of http.Client.Do. An error of the sign-in, which has a
// hint of its own, is returned as it is.
func unreachable(err error) error {
	err = foreign.HTTPError(err)
	var hinted interface{ UserHint() string }
	if errors.As(err, &hinted) {
		return err
	}
	err = neterror.Explain(err)
	next := cmp.Or(hint.Of(err), "check the address and the network; the next request tries again")
	return &Error{Reason: Unreachable, Err: fmt.Errorf("cannot reach the server: %w", err), Hint: next}
}

// interrupted is a stream that ended before the answer; cause is nil for a clean end.
func interrupted(cause error) error {
	text := errors.New("the server ended the stream before the answer")
	if cause != nil {
		text = fmt.Errorf("the stream broke before the answer: %w", cause)
	}
	return &Error{Reason: Interrupted, Err: text, Hint: doneHint}
}

// brokenBody is an error of reading the body of an answer.
func brokenBody(resp *http.Response, err error) error {
	if errors.As(err, new(*Error)) {
		return err
	}
	return &Error{Reason: Interrupted, Status: resp.StatusCode, Err: fmt.Errorf("the answer broke off: %w", err), Hint: doneHint}
}

// noAnswer is a response that ended well and did not hold the answer.
func noAnswer(status int) error {
	return &Error{Reason: Interrupted, Status: status, Err: errors.New("the server's response does not contain the answer"), Hint: doneHint}
}

func (u *Upstream) tooLarge() error {
	return &Error{Reason: TooLarge, Err: fmt.Errorf("the answer is larger than %d bytes", u.cfg.MaxMessage), Hint: "if it has to be so large, raise --max-message"}
}
