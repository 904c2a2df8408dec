package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/reach"
	"mcp-login/internal/retry"
)

// How often and how long a message is sent again.
const (
	// maxTries bounds the attempts after the server was reached.
	maxAttempts = 4
	// firstRetry and maxRetry are the pauses between them; they double.
	firstRetry = 500 * time.Millisecond
	maxRetry   = 4 * time.Second
	// maxHonoured is the longest Retry-After that is waited for, all of them
	// together.
	maxRetryAfter = 30 * time.Second
)

// repeatable reports whether a request changes nothing at the server, or the
// same twice, so that it may be sent again when nobody knows whether it was
// done. A tools/call never is.
func repeatable(m jsonrpc.Message) bool {
	switch m.Method {
	case "initialize", "server/discover", "ping", "tools/list", "prompts/list", "prompts/get",
		"resources/list", "resources/templates/list", "resources/read", "resources/subscribe",
		"resources/unsubscribe", "completion/complete", "logging/setLevel":
		return true
	}
	return false
}

// marked tells the signing transport whether m may be sent twice.
func withRepeatable(ctx context.Context, m jsonrpc.Message) context.Context {
	if repeatable(m) {
		return retry.Repeatable(ctx)
	}
	return ctx
}

// tries are the attempts at one message.
type attempts struct {
	u           *Upstream
	m           jsonrpc.Message
	started     time.Time
	count       int           // after the server was reached
	waited      time.Duration // because the server asked for it
	unreachable int           // connections that never stood, in a row
}

// again judges one attempt: whether to send the message once more, and when.
//
//   - No connection: any message, within Config.Patience; nothing was sent.
//   - The connection broke before the answer (as after sleep), or a gateway or
//     the server is not there for the moment: what is repeatable.
//   - 429 and 503 with Retry-After: what is repeatable, within maxHonoured.
//
// initialize is not held up by a server that answers: the client is better told
// than kept waiting.
func (t *attempts) next(resp *http.Response, err error) (wait time.Duration, again bool) {
	if err == nil && resp.StatusCode < http.StatusBadRequest {
		return 0, false
	}
	var e *Error
	if errors.As(err, &e) && e.Reason == Unreachable {
		wait = retry.Backoff(t.unreachable, firstRetry, maxRetry)
		t.unreachable++
		return wait, !permanent(err) && time.Since(t.started)+wait <= t.u.cfg.Patience
	}
	t.unreachable = 0
	if !repeatable(t.m) || t.count+1 >= maxAttempts {
		return 0, false
	}
	switch {
	case err != nil:
		if e == nil || e.Reason != Interrupted || errors.Is(err, errNoHeader) {
			return 0, false
		}
		if t.count > 0 { // at once the first time: most often it is a connection that was idle
			wait = retry.Backoff(t.count-1, firstRetry, maxRetry)
		}
	case t.m.Method == "initialize":
		return 0, false
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		wait = retry.After(resp.Header.Get("Retry-After"), time.Now())
		if t.waited += wait; wait == 0 && resp.StatusCode == http.StatusTooManyRequests || t.waited > maxRetryAfter {
			return 0, false
		}
		if wait == 0 {
			wait = retry.Backoff(t.count, firstRetry, maxRetry)
		}
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusGatewayTimeout:
		wait = retry.Backoff(t.count, firstRetry, maxRetry)
	default:
		return 0, false
	}
	t.count++
	return wait, true
}

// lasting reports a failure that does not pass by waiting, such as a certificate
// that is not trusted.
func permanent(err error) bool {
	var failure *reach.Error
	return errors.As(err, &failure) && failure.Lasting
}
