package gateway

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// Call is a request that was judged, and may go on.
type Call struct {
	Method  string
	Caller  bearer.Identity
	Header  http.Header // the client's
	Trace   http.Header // traceparent and the like, if there is a trace
	Address string      // the client's
	// RequestID is what the request has in our log.
	RequestID string
	// Session is the upstream's own id; "" for none.
	Session string
	// Body is the message; nil for none.
	Body []byte
}

// Outcome says how the upstream answered, for metrics.
type Outcome string

// What may come of a call.
const (
	Answered    Outcome = "answered"
	Unreachable Outcome = "unreachable" // nothing was sent
	Broken      Outcome = "broken"      // no answer, or one that is no HTTP
	Timeout     Outcome = "timeout"
	Refused     Outcome = "refused" // a challenge, a redirect
	Garbage     Outcome = "garbage" // an answer that is not of MCP
	Cancelled   Outcome = "cancelled"
	NotSent     Outcome = "not_sent" // the caller cannot be told to the upstream
)

// Failure is a call without an answer that a client may see.
type Failure struct { //nolint:errname // it is an answer first
	Outcome Outcome
	// Status is what the client is answered.
	Status int
	// Text says to the client what is wrong. The upstream's words are in the error only,
	// which is for the log.
	Text string
	err  error
}

// Error implements error.
func (f *Failure) Error() string { return "upstream: " + f.err.Error() }

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.err }

// Streamable sends a call to the endpoint of Streamable HTTP.
func (g *Gateway) Streamable(ctx context.Context, c Call) (*http.Response, error) {
	return g.send(ctx, g.streamable, &c, c.Method != http.MethodDelete)
}

// blank is what every request begins as: its copies get a context and the rest.
var blank = &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// send returns the upstream's answer, or a *[Failure]. Whoever gets an answer closes its
// body. answers says that a body matters, and so its type.
func (g *Gateway) send(ctx context.Context, to *url.URL, c *Call, answers bool) (*http.Response, error) {
	h, err := g.requestHeader(c)
	if err != nil {
		return nil, &Failure{NotSent, http.StatusForbidden, "The server behind this gateway cannot be told who calls.", err}
	}
	r := blank.WithContext(ctx)
	r.Method, r.URL, r.Host, r.Header = c.Method, to, to.Host, h
	if c.Body != nil {
		// With GetBody net/http sends the message once more on another connection, but only
		// if not one byte was written on the first, which had been idle: the method is no
		// idempotent one, and no header of the client can say that it is.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.Body)), nil }
		r.Body, _ = r.GetBody()
		r.ContentLength = int64(len(c.Body))
	}
	resp, err := g.transport.RoundTrip(r)
	if err != nil {
		return nil, failed(ctx, err)
	}
	f := judge(resp)
	if f == nil && !validSession(resp.Header) {
		f = garbage(resp, headerSession, resp.Header.Get(headerSession))
	}
	if f == nil {
		f = judgeBody(resp, answers)
	}
	if f != nil {
		foreign.Discard(resp)
		return nil, f
	}
	return resp, nil
}

// failed says what became of a request without an answer.
func failed(ctx context.Context, err error) *Failure {
	err = foreign.HTTPError(err)
	var op *net.OpError
	var slow net.Error
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		err = hint.With(err, "give the authorities of its certificate, e.g. --upstream-ca ca.pem")
	}
	switch {
	case ctx.Err() != nil:
		return &Failure{Cancelled, http.StatusServiceUnavailable, "The request was ended.", ctx.Err()}
	case errors.As(err, &op) && op.Op == "dial":
		if op.Net == "unix" {
			err = fmt.Errorf("%w; its server makes this socket, which whoami-server must be allowed to read and to write", err)
		}
		return &Failure{Unreachable, http.StatusServiceUnavailable, "The server behind this gateway cannot be reached. Try again.", err}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return &Failure{Timeout, http.StatusGatewayTimeout, "The server behind this gateway took too long.", err}
	}
	return &Failure{Broken, http.StatusBadGateway, "The server behind this gateway did not answer properly.", err}
}

// judge refuses an answer that a client must not see; nil lets it pass. The client signs in
// for us: a challenge of the upstream would make it throw a good login away, and a redirect
// would take it, and its token, elsewhere.
func judge(resp *http.Response) *Failure {
	var why string
	switch code, challenges := resp.StatusCode, resp.Header["Www-Authenticate"]; {
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired, code == http.StatusForbidden && challenges != nil:
		why = "it wants a login of its own; turn that off, and let it believe the gateway"
		if strings.Contains(strings.Join(challenges, ""), "resource_metadata=") { // RFC 9728 section 5.1
			why = "another gateway is there, or the server asks for tokens itself; write the address of the server behind that gateway into --upstream, or turn the server's own login off"
		}
	case code >= 300 && code < 400:
		why = "it redirects to " + foreign.ShortAddress(resp.Header.Get("Location")) + "; give the address that answers by itself"
	case code < 200, code > 599:
		why = "it speaks another protocol than HTTP then"
	default:
		return nil
	}
	return &Failure{
		Refused, http.StatusBadGateway, "The server behind this gateway does not answer the gateway.",
		fmt.Errorf("answered %d: %s", resp.StatusCode, why),
	}
}

// judgeBody refuses an answer that is none of MCP.
func judgeBody(resp *http.Response, answers bool) *Failure {
	if !answers && resp.StatusCode < 300 {
		resp.ContentLength = 0 // nobody asks for it
	}
	if !hasBody(resp) {
		return nil
	}
	if coding := strings.Join(resp.Header["Content-Encoding"], ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return garbage(resp, "the content encoding", coding)
	}
	if kind := mediaType(resp); resp.StatusCode < 300 && kind != typeJSON && kind != typeEvents {
		return garbage(resp, "the content type", resp.Header.Get("Content-Type"))
	}
	return nil
}

func garbage(resp *http.Response, what, said string) *Failure {
	return &Failure{
		Garbage, http.StatusBadGateway, "The server behind this gateway did not answer properly.",
		fmt.Errorf("answered %d with %s %q", resp.StatusCode, what, foreign.Line(said)),
	}
}

// validSession reports whether a session that is named can be one: visible ASCII (MCP
// 2025-11-25, transports, session management), of a length that still fits when it is sealed.
func validSession(h http.Header) bool {
	values := h[headerSession]
	return len(values) == 0 || len(values) == 1 && len(values[0]) <= maxSealed &&
		!strings.ContainsFunc(values[0], func(r rune) bool { return r < '!' || r > '~' })
}

// hasBody reports whether an answer may say something: an accepted message says nothing,
// whatever text some servers write then (MCP 2025-11-25, transports).
func hasBody(resp *http.Response) bool {
	return resp.ContentLength != 0 && resp.StatusCode != http.StatusAccepted && resp.StatusCode != http.StatusNoContent &&
		(resp.ContentLength > 0 || resp.Header["Content-Type"] != nil)
}

// The media types of answers.
const (
	typeJSON   = "application/json"
	typeEvents = "text/event-stream"
)

func mediaType(resp *http.Response) string {
	values := resp.Header["Content-Type"]
	if len(values) != 1 {
		return ""
	}
	if values[0] == typeJSON || values[0] == typeEvents { // as most servers write it
		return values[0]
	}
	kind, _, _ := mime.ParseMediaType(values[0])
	return kind
}
