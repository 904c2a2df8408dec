package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/retry"
)

// Next steps for people.
const (
	// AddressHint is for an answer that is no MCP server's.
	AddressHint = "is this the address of an MCP server? It usually ends in /mcp or /sse"
	// GatewayHint is for what a gateway answers in the place of the server: it has a
	// sign-in of its own, which no OAuth login of the server satisfies.
	GatewayHint = "if a gateway or a firewall before the server wants its own sign-in, give it what it takes: --header 'Name: ${VARIABLE}', or a token in MCP_LOGIN_TOKEN"
	// restartHint is for a server that takes neither the session nor a new one.
	restartHint = "restart the client"
	// doneHint is for a request whose answer is lost.
	doneHint = "the server may have done what it was asked; look before you repeat it"
)

// statusError is an HTTP error that holds no JSON-RPC, with a little of its body.
func statusError(resp *http.Response, body []byte) error {
	e := &Error{Reason: Refused, Status: resp.StatusCode, RetryAfter: retry.After(resp.Header.Get("Retry-After"), time.Now())}
	text := fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	page := mediaType(resp) == "text/html"
	inSession := resp.Request != nil && resp.Request.Header.Get(headerSession) != ""
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Reason = Redirected
		text, e.Hint = describeRedirect(resp)
	case resp.StatusCode == http.StatusForbidden && strings.Contains(strings.Join(resp.Header.Values("WWW-Authenticate"), ","), "insufficient_scope"):
		text += ": the account that is signed in lacks a permission that this needs (insufficient_scope)"
		e.Hint = "ask whoever gives out permissions for this server; signing in again helps only afterwards, or as somebody else"
	case resp.StatusCode == http.StatusForbidden:
		e.Hint = GatewayHint
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		e.Hint = "the server is busy; try again later"
		if e.RetryAfter > 0 {
			e.Hint = "the server is busy; try again in " + e.RetryAfter.String()
		}
	case inSession && resp.StatusCode == http.StatusNotFound:
		e.Hint = restartHint
	case page && resp.StatusCode < 500, !inSession && notFoundHere(resp.StatusCode):
		e.Hint = AddressHint
	case resp.StatusCode >= 500:
		e.Hint = "the server, or a gateway before it, is not well; try again later"
	}
	if !page {
		if short := foreign.Line(string(body)); short != "" {
			text += ": " + short
		}
	}
	e.Err = errors.New(text)
	return e
}

// isElsewhere reports whether a status says that no MCP server has this address.
func notFoundHere(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusGone
}

// redirected describes a redirect that was not followed. Of the address only what
// says where it leads is shown: its query is often somebody's session.
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
	place := foreign.ShortAddress(to.Redacted())
	text = fmt.Sprintf("the server redirects (%d) to %s, which was not followed", resp.StatusCode, place)
	next = "if that is the right address, use it in the configuration"
	if !moved {
		next = GatewayHint + "; " + next
	}
	return text, next
}

// notMCP is a good answer that is no MCP server's.
func notMCP(resp *http.Response) error {
	switch mediaType(resp) {
	case "text/html", "application/xhtml+xml":
		return notMCPPage(resp)
	}
	return notMCPWith(resp, AddressHint)
}

// notMCPPage is a page in the place of an answer: a welcome, or a sign-in.
func notMCPPage(resp *http.Response) error {
	return notMCPWith(resp, AddressHint+"; "+GatewayHint)
}

func notMCPWith(resp *http.Response, next string) error {
	what := resp.Header.Get("Content-Type")
	if what == "" {
		what = "no content"
	}
	return &Error{
		Reason: NotMCP, Status: resp.StatusCode,
		Err:  fmt.Errorf("this does not look like an MCP server: it answered a request with %s", foreign.Line(what)),
		Hint: next,
	}
}
