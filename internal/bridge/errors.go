package bridge

import (
	"context"
	"errors"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// Codes of the errors that the bridge itself answers with. They are positive:
// the negative ones near -32000 belong to the protocol and to servers, and an
// error of ours must not be taken for one of theirs.
const (
	// CodeUnreachable: the server cannot be reached.
	CodeUnreachable = 1001
	// CodeSignIn: the login failed, was refused or is not possible.
	CodeSignIn = 1002
	// CodeRefused: the server answered with an HTTP error.
	CodeRefused = 1003
	// CodeNotMCP: what answered is no MCP server.
	CodeNotMCP = 1004
	// CodeInterrupted: the answer broke off; the request may have been done.
	CodeInterrupted = 1005
	// CodeTooLarge: a message passed the configured limit.
	CodeTooLarge = 1006
	// CodeClosing: the bridge ends.
	CodeClosing = 1007
	// CodeHidden: a filter of the user's hides the tool.
	CodeHidden = 1008
	// CodeBusy: too many requests are under way and wait.
	CodeBusy = 1009
	// CodeFailed: anything else.
	CodeFailed = 1000
)

// Why requests end when the bridge does.
var (
	errClosing    = errors.New("the bridge is closing")
	errClientGone = errors.New("write to the client")
)

// errBusy is a request beyond what may be under way and wait.
var errBusy error = busyError{}

type busyError struct{}

func (busyError) Error() string { return "too many requests are under way" }
func (busyError) UserHint() string {
	return "wait for answers before you ask for more; this one was not sent"
}

func code(reason upstream.Reason) int {
	switch reason {
	case upstream.Unreachable:
		return CodeUnreachable
	case upstream.Refused, upstream.Redirected:
		return CodeRefused
	case upstream.NotMCP:
		return CodeNotMCP
	case upstream.Interrupted:
		return CodeInterrupted
	case upstream.TooLarge:
		return CodeTooLarge
	}
	return CodeFailed
}

// errorData is the data member of our errors.
type errorData struct {
	// Source tells these errors from the server's.
	Source string `json:"source"`
	Hint   string `json:"hint,omitempty"`
	// Status and RetryAfterSeconds are the server's, where it gave them.
	Status            int `json:"httpStatus,omitzero"`
	RetryAfterSeconds int `json:"retryAfterSeconds,omitzero"`
}

// answerFor turns err into the answer to the request with the raw id.
func answerFor(id []byte, err error) []byte {
	number, data := CodeFailed, errorData{Source: "mcp-login"}
	var remote *upstream.Error
	var login interface{ OAuthCode() string }
	switch {
	case errors.As(err, &remote):
		number = code(remote.Reason)
		data.Status, data.RetryAfterSeconds = remote.Status, int(remote.RetryAfter.Seconds())
	case errors.Is(err, errClosing), errors.Is(err, errClientGone), errors.Is(err, context.Canceled):
		number, err = CodeClosing, errClosing
	case errors.As(err, &login):
		number = CodeSignIn
	case errors.Is(err, errBusy):
		number = CodeBusy
	}
	var advised interface{ UserHint() string }
	message := foreign.Message(err.Error())
	if errors.As(err, &advised) && advised.UserHint() != "" {
		// Most clients show the message and nothing else.
		data.Hint = foreign.Message(advised.UserHint())
		message += " (" + data.Hint + ")"
	}
	return jsonrpc.ErrorResponse(id, number, message, data)
}

// refusal answers what is no message, or none that the bridge takes.
func refusal(id []byte, code int, message string) []byte {
	return jsonrpc.ErrorResponse(id, code, message, errorData{Source: "mcp-login"})
}

// errNoAnswer is a request that the server's side calls done without an answer.
var errNoAnswer = &upstream.Error{Reason: upstream.Interrupted, Err: errors.New("the server's reply does not hold the answer")}
