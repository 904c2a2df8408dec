package upstream

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Bounds of what is read of the body of an HTTP error.
const (
	maxErrorBody     = 64 << 10
	errorBodyTimeout = 2 * time.Second
)

// errorBody returns the beginning of the body of an HTTP error, as far as it comes soon.
func errorBody(resp *http.Response) []byte {
	body, _ := foreign.ReadBody(resp, maxErrorBody, errorBodyTimeout)
	return bytes.TrimPrefix(body, byteOrderMark)
}

// deliverHTTPError ends m with an HTTP error whose body is given. A JSON-RPC error in the
// body is the server's own answer and goes to sink, with the id of m; for anything else
// an *Error is returned.
func (u *Upstream) deliverHTTPError(resp *http.Response, body []byte, m jsonrpc.Message, sink jsonrpc.Sink) error {
	answer, _ := jsonrpc.Parse(body) // its id may be null, absent, or that of m
	if !isErrorObject(answer.Error) {
		return u.statusError(resp, body)
	}
	if m.Kind != jsonrpc.Request { // nothing answers a notification or a response
		u.log.Debug("the server refused a message", "method", m.Method, "status", resp.StatusCode)
		return nil
	}
	sink.Message(jsonrpc.Built(jsonrpc.WithError(m.ID, answer.Error)))
	return nil
}

// isErrorObject tells a JSON-RPC error from the error member of other protocols: that of
// OAuth is a string.
func isErrorObject(raw []byte) bool {
	code := jsonrpc.Member(raw, "code")
	return len(code) > 0 && (code[0] == '-' || code[0] >= '0' && code[0] <= '9')
}

// statusError describes an HTTP error whose body is not JSON-RPC, with a little of it.
func (u *Upstream) statusError(resp *http.Response, body []byte) error {
	e := &Error{Reason: Refused, Status: resp.StatusCode, RetryAfter: retry.After(resp.Header.Get("Retry-After"), time.Now())}
	text := fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	page := mediaType(resp) == "text/html"
	hasSession := resp.Request != nil && resp.Request.Header.Get(headerSession) != ""
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Reason = Redirected
		text, e.Hint = describeRedirect(resp)
	case resp.StatusCode == http.StatusForbidden && strings.Contains(strings.Join(resp.Header.Values("WWW-Authenticate"), ","), "insufficient_scope"):
		text += ": the account that is signed in lacks a permission that this needs (insufficient_scope)"
		e.Hint = "ask whoever gives out permissions for this server; signing in again helps only afterwards, or as somebody else"
	case resp.StatusCode == http.StatusForbidden && u.refusesGiven(resp, body):
		text += ": it refuses " + u.cfg.Given
		e.Hint = "look at its value: is it meant for this server, and is it still valid?"
	case resp.StatusCode == http.StatusForbidden:
		e.Hint = GatewayHint
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		e.Hint = "the server is busy; try again later"
		if e.RetryAfter > 0 {
			e.Hint = "the server is busy; try again in " + e.RetryAfter.String()
		}
	case hasSession && resp.StatusCode == http.StatusNotFound:
		e.Hint = restartHint
	case page && resp.StatusCode < 500, !hasSession && notFoundHere(resp.StatusCode):
		e.Hint = AddressHint
	case resp.StatusCode >= 500:
		e.Hint = "the server, or a gateway in front of it, has a problem; try again later"
	}
	if !page {
		if short := quote(resp, body); short != "" {
			text += ": " + short
		}
	}
	e.Err = errors.New(text)
	return e
}

// refusesGiven reports whether an answer says that what the person gave is at fault. Where
// the request has another token, of a login, that may be meant.
func (u *Upstream) refusesGiven(resp *http.Response, body []byte) bool {
	signedIn := u.cfg.SignsIn && resp.Request != nil && resp.Request.Header.Get("Authorization") != ""
	return u.cfg.Given != "" && !signedIn && blamesCredential(body)
}

// credentialAtFault matches what servers say of a key or a token that they refuse.
var credentialAtFault = sync.OnceValue(func() *regexp.Regexp {
	const credential, fault = `(access |bearer |auth\w* )?(token|api ?keys?|key|credentials?)`, `(invalid|expired|revoked|unknown|incorrect|wrong|bad|not valid|malformed)`
	return regexp.MustCompile(fault + ` ` + credential + `\b|\b` + credential + ` (is |was |has |has been )?` + fault + `\b`)
})

// blamesCredential reports whether a text says that a key or a token is at fault. Those
// against forged requests (CSRF) are not meant.
func blamesCredential(body []byte) bool {
	text := strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(string(body)))
	return credentialAtFault().MatchString(text) && !strings.Contains(text, "csrf") && !strings.Contains(text, "xsrf")
}

// quote is what an answer says, without what is secret in its request.
func quote(resp *http.Response, body []byte) string {
	if req := resp.Request; req != nil {
		secrets := []string{req.Header.Get(headerSession)}
		for _, values := range req.URL.Query() {
			secrets = append(secrets, values...)
		}
		for _, cookie := range req.Cookies() {
			secrets = append(secrets, cookie.Value)
		}
		for _, secret := range secrets {
			defer foreign.Withhold(secret)()
		}
	}
	return foreign.Quote(string(body))
}

// notFoundHere reports whether a status says that no MCP server has this address.
func notFoundHere(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusGone
}

// describeRedirect describes a redirect that is not followed. Of its address the query is
// left out: it often holds somebody's session.
func describeRedirect(resp *http.Response) (text, next string) {
	text = fmt.Sprintf("the server redirects (%d) to another place, which was not followed", resp.StatusCode)
	to, err := resp.Location()
	moved := resp.StatusCode == http.StatusMovedPermanently || resp.StatusCode == http.StatusPermanentRedirect
	switch {
	case err != nil && moved:
		return text, AddressHint
	case err != nil:
		return text, GatewayHint
	}
	to.RawQuery, to.Fragment = "", ""
	place := foreign.ShortAddress(foreign.Quote(to.Redacted()))
	text = fmt.Sprintf("the server redirects (%d) to %s, which was not followed", resp.StatusCode, place)
	next = "if that is the right address, use it in the configuration"
	if !moved {
		next = GatewayHint + "; " + next
	}
	return text, next
}

// notMCP is an answer with a status of success that is not an MCP server's. page says
// that it is an HTML page, as its type does: a welcome page, or a sign-in.
func notMCP(resp *http.Response, page bool) error {
	e := &Error{Reason: NotMCP, Status: resp.StatusCode, Hint: AddressHint}
	switch mediaType(resp) {
	case "text/html", "application/xhtml+xml":
		page = true
	}
	if page {
		e.Hint = AddressHint + "; " + GatewayHint
	}
	what := cmp.Or(resp.Header.Get("Content-Type"), "no content")
	e.Err = fmt.Errorf("this does not look like an MCP server: it answered a request with %s", foreign.Quote(what))
	return e
}
