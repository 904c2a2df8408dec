package gateway

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Headers that are read or written here.
const (
	headerSession      = "Mcp-Session-Id"
	headerMethod       = "Mcp-Method"
	headerName         = "Mcp-Name"
	headerForwardedFor = "X-Forwarded-For"
	headerRequestID    = "X-Request-Id"
)

// passedHeaders go on beside those that begin with Mcp-, which the protocol may get more of.
// A list of what must not go on could never be complete: there is no end of names by which
// servers are told who calls.
var passedHeaders = []string{"Accept", "Accept-Language", "Last-Event-Id", "User-Agent"}

// maySend reports whether a client's header goes on. A name that some server might take
// for another one, as Mcp-Session_Id, does not.
func (g *Gateway) maySend(name string) bool {
	if name == headerSession || slices.Contains(g.written, name) {
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

// HeaderError says that a request is not taken because the upstream might read it in another
// way than it was judged.
type HeaderError struct {
	Status int
	Text   string
}

// Error implements error.
func (e *HeaderError) Error() string { return e.Text }

// CheckHeader refuses a request whose header describes its body in more than one way. method
// and name are those of the message, "" where it has none: name is params.name, or
// params.uri of resources/read (MCP 2026-07-28, transports, standard headers).
func CheckHeader(h http.Header, method, name string) error {
	for key, values := range h {
		if len(values) > 1 && (strings.HasPrefix(key, "Mcp-") || key == "Content-Type" || key == "Last-Event-Id" || key == "Content-Encoding") {
			return &HeaderError{http.StatusBadRequest, fmt.Sprintf("There must be one %s header.", key)}
		}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &HeaderError{http.StatusUnsupportedMediaType, "A message must not be compressed."}
	}
	if kind := h.Get("Content-Type"); kind != typeJSON && !inUTF8(kind) {
		return &HeaderError{http.StatusUnsupportedMediaType, "A message must be in UTF-8."}
	}
	for key, said := range map[string]string{headerMethod: method, headerName: name} {
		values := h[key]
		if len(values) == 0 {
			continue
		}
		value, ok := values[0], true
		if key == headerName {
			value, ok = decodeValue(value)
		}
		if !ok || value != said {
			return &HeaderError{http.StatusBadRequest, key + " says something else than the message."}
		}
	}
	return nil
}

func inUTF8(contentType string) bool {
	_, params, err := mime.ParseMediaType(contentType)
	return err != nil || params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8")
}

// decodeValue reads a value that may stand there as Base64 (MCP 2026-07-28, transports,
// value encoding).
func decodeValue(value string) (string, bool) {
	coded, ok := strings.CutPrefix(value, "=?base64?")
	if !ok {
		return value, true
	}
	if coded, ok = strings.CutSuffix(coded, "?="); !ok {
		return value, true
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(coded)
	return string(plain), err == nil
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
