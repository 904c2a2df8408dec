package bridge

import (
	"context"
	"errors"
	"strings"

	"mcp-login/internal/bridge/upstream"
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
	// CodeFailed: anything else.
	CodeFailed = 1000
)

// errClosing is why requests end when the bridge does.
var errClosing = errors.New("the bridge is closing")

var codes = map[upstream.Reason]int{
	upstream.Unreachable: CodeUnreachable,
	upstream.Refused:     CodeRefused,
	upstream.Redirected:  CodeRefused,
	upstream.NotMCP:      CodeNotMCP,
	upstream.Interrupted: CodeInterrupted,
	upstream.TooLarge:    CodeTooLarge,
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
	code, data := CodeFailed, errorData{Source: "mcp-login"}
	var remote *upstream.Error
	var login interface{ OAuthCode() string }
	switch {
	case errors.As(err, &remote):
		code = codes[remote.Reason]
		data.Status, data.RetryAfterSeconds = remote.Status, int(remote.RetryAfter.Seconds())
	case errors.As(err, &login):
		code = CodeSignIn
	case errors.Is(err, errClosing), errors.Is(err, context.Canceled):
		code = CodeClosing
	}
	var advised interface{ UserHint() string }
	message := strings.ReplaceAll(err.Error(), "\n", "; ")
	if errors.As(err, &advised) && advised.UserHint() != "" {
		// Most clients show the message and nothing else.
		data.Hint = advised.UserHint()
		message += " (" + data.Hint + ")"
	}
	return jsonrpc.ErrorResponse(id, code, message, data)
}

// errNoAnswer is a batch whose reply left a request out.
var errNoAnswer = &upstream.Error{Reason: upstream.Interrupted, Err: errors.New("the server's reply does not hold the answer")}
