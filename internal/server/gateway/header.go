package gateway

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Headers that are read or written here.
const (
	headerSession      = "Mcp-Session-Id"
	headerLastEvent    = "Last-Event-Id"
	headerForwardedFor = "X-Forwarded-For"
	headerRequestID    = "X-Request-Id"
)

// passedHeaders go on beside those that begin with Mcp-, which the protocol may get more of.
// A list of what must not go on could never be complete: there is no end of names by which
// servers are told who calls.
var passedHeaders = []string{"Accept", "Accept-Language", headerLastEvent, "User-Agent"}

// maySend reports whether a client's header goes on. A name that some server might take
// for another one, as Mcp-Session_Id, does not. [Config.Check] sees to it that none is ours.
func (g *Gateway) maySend(name string) bool {
	if name == headerSession {
		return false
	}
	return strings.HasPrefix(name, "Mcp-") && plainName(name) || slices.Contains(passedHeaders, name) || slices.Contains(g.cfg.Pass, name)
}

// requestHeader is the header of the request to the upstream.
func (g *Gateway) requestHeader(c *Call) (http.Header, error) {
	h := make(http.Header, 12)
	for name, values := range c.Header {
		if g.maySend(name) {
			h[name] = values
		}
	}
	// What the client names in Connection was meant for us alone (RFC 9110 section 7.6.1).
	for _, values := range c.Header["Connection"] {
		for name := range strings.SplitSeq(values, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = nil // net/http would write its own
	}
	for name, values := range c.Trace {
		h[name] = values
	}
	h[headerForwardedFor] = []string{c.Address}
	h[headerRequestID] = []string{c.RequestID}
	if c.Session != "" {
		h[headerSession] = []string{c.Session}
	} else { // an event of anybody's stream, as all are ours to the upstream
		delete(h, headerLastEvent)
	}
	if c.Body != nil {
		h["Content-Type"] = []string{"application/json"}
	}
	if err := WriteIdentity(h, g.cfg.Identity, c.Caller); err != nil {
		return nil, err
	}
	if g.assertions != nil {
		assertion, err := g.assertions.sign(c.Caller, g.now())
		if err != nil {
			return nil, err
		}
		h[g.cfg.Assertion] = []string{assertion}
	}
	return h, nil
}

// answerHeaders come back beside those that begin with Mcp-. Cookies, redirects, challenges
// and permissions for browsers do not: those are between us and the client.
var answerHeaders = []string{"Allow", "Retry-After"}

// copyAnswerHeader copies what the client may see of the upstream's header.
func copyAnswerHeader(to, from http.Header) {
	for name, values := range from {
		if name == headerSession || !plainName(name) || !strings.HasPrefix(name, "Mcp-") && !slices.Contains(answerHeaders, name) {
			continue
		}
		if len(values) == 1 && httpguts.ValidHeaderFieldValue(values[0]) {
			to[name] = values
		}
	}
}
