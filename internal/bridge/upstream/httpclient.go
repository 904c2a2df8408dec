package upstream

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"mcp-login/internal/neterror"
	"mcp-login/internal/origin"
)

// maxRedirects bounds the redirects in a row that are followed.
const maxRedirects = 3

// CheckRedirect is that of the http.Client of a Config. It follows a redirect that is safe
// and keeps the method and the body. Any other one would carry headers, session and
// message to a stranger: net/http strips only some headers.
func CheckRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.Method != first.Method || !origin.SafeRedirect(first.URL, req.URL) {
		return origin.NoRedirect(req, via)
	}
	return nil
}

// restricted returns client with CheckRedirect and a cookie jar where it has none.
func restricted(client http.Client) *http.Client {
	if client.CheckRedirect == nil {
		client.CheckRedirect = CheckRedirect
	}
	if client.Jar == nil {
		client.Jar, _ = cookiejar.New(nil) // without options it cannot fail
	}
	client.Transport = validLocation{cmp.Or(client.Transport, http.DefaultTransport)}
	return &client
}

// validLocation removes a Location header that is no URL: net/http would turn the
// response into an error that looks like a broken connection.
type validLocation struct{ next http.RoundTripper }

func (v validLocation) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := v.next.RoundTrip(req)
	if err == nil && resp.StatusCode/100 == 3 {
		if _, bad := url.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// withoutEmptyPort returns u with the host "name" where it has "name:", as net/http sends it.
func withoutEmptyPort(u *url.URL) *url.URL {
	sent := *u
	sent.Host = strings.TrimSuffix(u.Host, ":")
	return &sent
}

// newRequest builds a request with the headers that all requests have. Its body can be
// sent again.
func (u *Upstream) newRequest(ctx context.Context, method string, to *url.URL, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body) // net/http sets GetBody for it
	}
	req, err := http.NewRequestWithContext(ctx, method, "", reader)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.URL, req.Host = to, to.Host // parsed once, and not for each request
	for name, values := range u.cfg.Header {
		req.Header[name] = append([]string(nil), values...)
	}
	req.Header.Set("Accept-Encoding", "gzip") // inflated by limitBody, with a bound
	switch method {
	case http.MethodPost:
		req.Header.Set("Content-Type", typeJSON)
		req.Header.Set("Accept", typeJSON+", "+typeSSE)
	case http.MethodGet:
		req.Header.Set("Accept", typeSSE)
		req.Header.Set("Cache-Control", "no-store")
	}
	return req, nil
}

// errNoHeader is a server that took a request and did not begin to answer.
var errNoHeader = errors.New("the server did not begin to answer")

// do sends a request. Its error is ready for the client: Unreachable when the server
// cannot have read the request, Interrupted when it may have carried it out.
func (u *Upstream) do(req *http.Request) (*http.Response, error) {
	if u.cfg.HeaderTimeout <= 0 {
		return u.doWithin(req.Context(), req)
	}
	ctx, timer, end := u.withFirstByteTimer(req.Context(), u.cfg.HeaderTimeout, errNoHeader)
	resp, err := u.doWithin(ctx, req)
	timer.stop()
	if err != nil {
		end(nil)
		return nil, err
	}
	resp.Body = &endingBody{resp.Body, end}
	return resp, nil
}

// endingBody ends the context of its request when it is closed. Otherwise the context of
// the server's own stream, which lasts as long as the session, would keep one for each time
// that it was asked for.
type endingBody struct {
	io.ReadCloser
	end context.CancelCauseFunc
}

func (b *endingBody) Close() error {
	defer b.end(nil)
	return b.ReadCloser.Close()
}

// doWithin is do in a context of the request's.
func (u *Upstream) doWithin(ctx context.Context, req *http.Request) (*http.Response, error) {
	resp, read, err := u.roundTrip(ctx, req)
	if err == nil {
		u.limitBody(resp)
		return resp, nil
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errNoHeader):
		return nil, &Error{Reason: Interrupted, Err: fmt.Errorf("%w within %v", errNoHeader, u.cfg.HeaderTimeout), Hint: doneHint}
	case cause != nil:
		return nil, cause
	}
	err = unreachable(err)
	var e *Error
	var failure *neterror.Error
	unread := errors.As(err, &failure) && failure.Unread
	if errors.As(err, &e) && read && req.Method == http.MethodPost && !unread {
		return nil, interrupted(errors.Unwrap(e.Err))
	}
	return nil, err
}

// connTrace follows one request to its connection. A RoundTripper that signs in may
// send several requests for one: the last counts.
type connTrace struct {
	keepAlive     *keepAlive
	wrote, reused atomic.Bool
}

func (t *connTrace) getConn(string) {
	t.wrote.Store(false)
	t.reused.Store(false)
}

func (t *connTrace) gotConn(got httptrace.GotConnInfo) {
	t.reused.Store(got.Reused)
	closeStale(got, t.keepAlive.limit())
}

func (t *connTrace) wroteRequest(info httptrace.WroteRequestInfo) { t.wrote.Store(info.Err == nil) }

// roundTrip sends a request in ctx and reads the header of the response. A request that
// was not written, because its idle connection had ended, is sent over another one. read
// reports whether the server can have read the request.
func (u *Upstream) roundTrip(ctx context.Context, req *http.Request) (resp *http.Response, read bool, err error) {
	t := &connTrace{keepAlive: &u.keepAlive}
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: t.getConn, GotConn: t.gotConn, WroteRequest: t.wroteRequest}))
	for n := 0; ; n++ {
		if resp, err = u.http.Do(req); err == nil {
			u.keepAlive.learn(resp.Header)
		}
		read = t.wrote.Load() && !closedWhileIdle(err)
		if err == nil || read || !t.reused.Load() || n == maxReconnects || ctx.Err() != nil {
			return resp, read, err
		}
		req = rewound(req)
	}
}
