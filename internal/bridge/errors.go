package bridge

import (
	"context"
	"errors"

	"mcp-login/internal/jsonrpc"
)

// Why requests end when the bridge does.
var (
	errClosing    = errors.New("the bridge is closing")
	errClientGone = errors.New("write to the client")
)

// codedError is an error that knows its code.
type codedError struct {
	code int
	text string
	next string
}

func (e *codedError) Error() string    { return e.text }
func (e *codedError) UserHint() string { return e.next }
func (e *codedError) JSONRPCCode() int { return e.code }

var (
	// errBusy is a request beyond what may be under way and wait.
	errBusy error = &codedError{jsonrpc.CodeBusy, "too many requests are under way", "wait for answers before you ask for more; this one was not sent"}
	// errNoAnswer is a request that the server's side calls done without an answer.
	errNoAnswer error = &codedError{jsonrpc.CodeInterrupted, "the server's response does not contain the answer", ""}
)

// answerFor turns err into the answer to the request with the raw id. The code is what
// an error in err with the method JSONRPCCode says; the signing transport's errors have
// the method OAuthCode.
func answerFor(id []byte, err error) []byte {
	code, data := jsonrpc.CodeFailed, jsonrpc.ErrorData{Source: jsonrpc.Source}
	var coded interface{ JSONRPCCode() int }
	var http interface {
		HTTPStatus() int
		RetryAfterSeconds() int
	}
	var login interface{ OAuthCode() string }
	switch {
	case errors.As(err, &coded):
		code = coded.JSONRPCCode()
		if errors.As(err, &http) {
			data.Status, data.RetryAfterSeconds = http.HTTPStatus(), http.RetryAfterSeconds()
		}
	case errors.Is(err, errClosing), errors.Is(err, errClientGone), errors.Is(err, context.Canceled):
		code, err = jsonrpc.CodeClosing, errClosing
	case errors.As(err, &login):
		code = jsonrpc.CodeSignIn
	}
	message, next := jsonrpc.Words(err)
	data.Hint = next
	return jsonrpc.ErrorResponse(id, code, message, data)
}

// refusal answers what is no message, or none that the bridge takes.
func refusal(id []byte, code int, message string) []byte {
	return jsonrpc.Refusal(id, code, message, "")
}
