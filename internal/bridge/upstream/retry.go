package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/neterror"
	"mcp-login/internal/retry"
)

// How often and how long a message is sent again.
const (
	// maxAttempts bounds the attempts that reached the server.
	maxAttempts = 4
	// firstRetry is the first pause between attempts. Later ones double, up to maxRetry.
	firstRetry = 500 * time.Millisecond
	maxRetry   = 4 * time.Second
	// maxRetryAfter bounds all the pauses together that a server asks for by Retry-After.
	maxRetryAfter = 30 * time.Second
)

// repeatable reports whether a request changes nothing at the server, or the same when it
// is carried out twice, so that it may be sent again although nobody knows whether it was
// carried out. A tools/call never is.
func repeatable(m jsonrpc.Message) bool {
	switch m.Method {
	case "initialize", "server/discover", "ping", "tools/list", "prompts/list", "prompts/get",
		"resources/list", "resources/templates/list", "resources/read", "resources/subscribe",
		"resources/unsubscribe", "completion/complete", "logging/setLevel":
		return true
	}
	return false
}

// withRepeatable tells the RoundTripper that signs requests whether m may be sent twice.
func withRepeatable(ctx context.Context, m jsonrpc.Message) context.Context {
	if repeatable(m) {
		return retry.Repeatable(ctx)
	}
	return ctx
}

// attempts are the attempts at one message.
type attempts struct {
	u           *Upstream
	m           jsonrpc.Message
	started     time.Time
	count       int           // those that reached the server
	waited      time.Duration // because the server asked for it
	unreachable int           // those that found no connection, in a row
}

// next judges one attempt: whether to send the message once more, and after which pause.
//
//   - No connection: any message, within Config.Patience, because nothing was sent.
//   - The connection broke before the answer, as after the machine has slept, or a gateway
//     answers 502, 503 or 504: a repeatable request.
//   - 429 and 503 with Retry-After: a repeatable request, within maxRetryAfter.
//
// initialize is not repeated when the server has answered: an error now is better for the
// client than an answer late.
func (a *attempts) next(resp *http.Response, err error) (pause time.Duration, again bool) {
	if err == nil && resp.StatusCode < http.StatusBadRequest {
		return 0, false
	}
	var e *Error
	if errors.As(err, &e) && e.Reason == Unreachable {
		pause = retry.Backoff(a.unreachable, firstRetry, maxRetry)
		a.unreachable++
		return pause, !permanent(err) && time.Since(a.started)+pause <= a.u.cfg.Patience
	}
	a.unreachable = 0
	if !repeatable(a.m) || a.count+1 >= maxAttempts {
		return 0, false
	}
	switch {
	case err != nil:
		if e == nil || e.Reason != Interrupted || errors.Is(err, errNoHeader) {
			return 0, false
		}
		if a.count > 0 { // the first time at once: most often the connection had been idle
			pause = retry.Backoff(a.count-1, firstRetry, maxRetry)
		}
	case a.m.Method == "initialize":
		return 0, false
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		pause = retry.After(resp.Header.Get("Retry-After"), time.Now())
		if a.waited += pause; pause == 0 && resp.StatusCode == http.StatusTooManyRequests || a.waited > maxRetryAfter {
			return 0, false
		}
		if pause == 0 {
			pause = retry.Backoff(a.count, firstRetry, maxRetry)
		}
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusGatewayTimeout:
		pause = retry.Backoff(a.count, firstRetry, maxRetry)
	default:
		return 0, false
	}
	a.count++
	return pause, true
}

// permanent reports a failure that waiting does not mend, such as an untrusted
// certificate.
func permanent(err error) bool {
	var failure *neterror.Error
	return errors.As(err, &failure) && failure.Permanent
}
