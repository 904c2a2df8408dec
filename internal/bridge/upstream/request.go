package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/reach"
)

// newRequest builds a request with the headers every one of them has. The body
// can be replayed.
func (u *Upstream) newRequest(ctx context.Context, method string, to *url.URL, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body) // net/http sets GetBody for it
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), reader)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	for name, values := range u.cfg.Header {
		req.Header[name] = append([]string(nil), values...)
	}
	req.Header.Set("Accept-Encoding", "gzip") // inflated here, with a bound
	switch method {
	case http.MethodPost:
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	case http.MethodGet:
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Cache-Control", "no-store")
	}
	return req, nil
}

// do sends a request; the error is ready for the client. A connection that
// broke after the message was written is told from one that never stood: the
// server may have done what it was asked.
func (u *Upstream) do(req *http.Request) (*http.Response, error) {
	ctx, quiet := req.Context(), func() {}
	if u.cfg.HeaderTimeout > 0 {
		timed, s, _ := u.withFirstByteTimer(ctx, u.cfg.HeaderTimeout, errNoHeader) // the body lives in timed; ctx ends it
		ctx, quiet = timed, s.stop
	}
	resp, written, err := u.roundTrip(ctx, req)
	quiet()
	if err == nil {
		u.limitBody(resp)
		return resp, nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errNoHeader) {
		return nil, cause
	} else if cause != nil {
		return nil, &Error{Reason: Interrupted, Err: fmt.Errorf("%w within %v", errNoHeader, u.cfg.HeaderTimeout), Hint: doneHint}
	}
	err = unreachable(err)
	var e *Error
	var stopped *reach.Error
	unread := errors.As(err, &stopped) && stopped.Refused
	if errors.As(err, &e) && written && req.Method == http.MethodPost && !unread {
		return nil, interrupted(errors.Unwrap(e.Err))
	}
	return nil, err
}

// exchange sends a request, in ctx, and reads the header of the answer; an idle
// connection that had ended is replaced. written says whether the server can have
// read the request.
func (u *Upstream) roundTrip(ctx context.Context, req *http.Request) (resp *http.Response, written bool, err error) {
	var wrote, reused atomic.Bool
	trace := &httptrace.ClientTrace{
		// A signing transport may make several requests of one: the last counts.
		GetConn: func(string) { wrote.Store(false); reused.Store(false) },
		GotConn: func(got httptrace.GotConnInfo) {
			reused.Store(got.Reused)
			closeStale(got, u.keepAlive.limit())
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) { wrote.Store(info.Err == nil) },
	}
	req = req.WithContext(httptrace.WithClientTrace(ctx, trace))
	for n := 0; ; n++ {
		if resp, err = u.http.Do(req); err == nil {
			u.keepAlive.learn(resp.Header)
		}
		written = wrote.Load() && !closedWhileIdle(err)
		if err == nil || written || !reused.Load() || n == maxReconnects || ctx.Err() != nil {
			return resp, written, err
		}
		req = rewound(req)
	}
}

// errNoHeader is a server that took a request and did not begin to answer.
var errNoHeader = errors.New("the server did not begin to answer")

// mediaType returns the type of the body in lower case, without its parameters:
// gateways write them in ways that package mime refuses.
func mediaType(resp *http.Response) string {
	header := resp.Header.Get("Content-Type")
	switch header {
	case typeJSON, typeSSE: // most often just that
		return header
	}
	for part := range strings.FieldsFuncSeq(header, func(r rune) bool { return strings.ContainsRune(";,: \t\"", r) }) {
		if !strings.Contains(part, "/") {
			continue
		}
		if part = strings.ToLower(part); jsonTypes[part] || strings.HasSuffix(part, "+json") {
			return typeJSON
		}
		return part
	}
	return ""
}

// jsonTypes are names of JSON from before it had one, and from JSON-RPC over HTTP.
var jsonTypes = map[string]bool{"text/json": true, "text/x-json": true, "application/x-json": true, "application/json-rpc": true, "application/jsonrpc": true, "application/jsonrequest": true}

const (
	typeJSON     = "application/json"
	typeSSE      = "text/event-stream"
	maxErrorBody = 64 << 10 // of the body of an HTTP error
)

func brokenAnswer(resp *http.Response, err error) error {
	if errors.As(err, new(*Error)) {
		return err
	}
	return &Error{Reason: Interrupted, Status: resp.StatusCode, Err: fmt.Errorf("the answer broke off: %w", err), Hint: doneHint}
}

func (u *Upstream) tooLarge() error {
	return &Error{Reason: TooLarge, Err: fmt.Errorf("the answer is larger than %d bytes", u.cfg.MaxMessage), Hint: "if it has to be so large, raise --max-message"}
}

// patience is how long the body of an HTTP error may take: its sender owes us
// nothing more.
const errorBodyTimeout = 2 * time.Second

// errorBody returns the beginning of the body of an HTTP error, as far as it
// comes soon.
func errorBody(resp *http.Response) []byte {
	body, _ := foreign.ReadBody(resp, maxErrorBody, errorBodyTimeout)
	return bytes.TrimPrefix(body, byteOrderMark)
}

// refusal turns an HTTP error into an answer or an error: a JSON-RPC error in
// the body is the server's own word and is delivered with the request's id;
// everything else becomes an *Error with the status and a little of the text.
func (u *Upstream) refusal(resp *http.Response, m jsonrpc.Message, sink jsonrpc.Sink) error {
	return u.deliverHTTPError(resp, errorBody(resp), m, sink)
}

// refused is refusal for a body that was read.
func (u *Upstream) deliverHTTPError(resp *http.Response, body []byte, m jsonrpc.Message, sink jsonrpc.Sink) error {
	answer, _ := jsonrpc.Parse(body) // with id null, absent or the request's
	if !isErrorObject(answer.Error) {
		return statusError(resp, body)
	}
	if m.Kind != jsonrpc.Request { // what asks for no answer gets none
		u.log.Debug("the server refused a message", "method", m.Method, "status", resp.StatusCode)
		return nil
	}
	own, err := jsonrpc.Parse(jsonrpc.WithError(m.ID, answer.Error))
	if err != nil {
		return statusError(resp, body)
	}
	sink.Message(own)
	return nil
}

// isErrorObject tells a JSON-RPC error from the error member of other
// protocols: OAuth's is a string.
func isErrorObject(raw []byte) bool {
	code := jsonrpc.Member(raw, "code")
	return len(code) > 0 && (code[0] == '-' || code[0] >= '0' && code[0] <= '9')
}
