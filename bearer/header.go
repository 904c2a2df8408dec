package bearer

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// rpcHeaderMismatch is HeaderMismatch of MCP 2026-07-28 (transports).
const rpcHeaderMismatch = -32020

// CheckHeader refuses a request without a message, such as GET of MCP's transports, whose
// header says something in more than one way or speaks of a message. Of one with a message
// [ReadMessage] does. The error is for [Resource.Refuse].
func CheckHeader(h http.Header) error { return Message{}.checkHeader(h) }

// checkHeader refuses a header whose Mcp-Method, Mcp-Name or Mcp-Protocol-Version say something
// else than the message (MCP 2026-07-28, transports, standard headers): a server may decide by either.
func (m Message) checkHeader(h http.Header) error {
	for key, values := range h {
		if len(values) > 1 && (strings.HasPrefix(key, "Mcp-") || key == "Last-Event-Id") {
			return &problem{status: http.StatusBadRequest, code: "invalid_request", text: fmt.Sprintf("There must be one %s header.", key)}
		}
	}
	named, known := m.named()
	for _, c := range [...]struct {
		key, said string
		judged    bool
	}{
		{"Mcp-Method", m.Method, true},
		{"Mcp-Name", named, known},
		{"Mcp-Protocol-Version", m.Version, m.Version != ""},
	} {
		values := h[c.key]
		if !c.judged || len(values) == 0 {
			continue
		}
		value, ok := values[0], true
		if c.key == "Mcp-Name" {
			value, ok = decodeValue(value)
		}
		if !ok || value != c.said {
			return &problem{status: http.StatusBadRequest, rpc: rpcHeaderMismatch, text: "Header mismatch: " + c.key + " says something else than the message"}
		}
	}
	return nil
}

// named is what Mcp-Name must say, where it is there: what names a message depends on the
// method, and of one that is not known here its server judges it.
func (m Message) named() (name string, known bool) {
	switch m.Method {
	case "tools/call", "prompts/get":
		return m.Name, true
	case "resources/read":
		return m.URI, true
	case "tasks/get", "tasks/update", "tasks/cancel": // SEP-2663
		return m.task, true
	case "":
		return "", true // an answer, or no message
	}
	return "", false
}

// plainJSON reports whether a body is what it says in its bytes: a content coding or
// another charset would be read in two ways.
func plainJSON(h http.Header) bool {
	kind := h["Content-Type"]
	coding := h["Content-Encoding"]
	switch {
	case len(kind) != 1 || len(coding) > 1 || len(coding) == 1 && !strings.EqualFold(coding[0], "identity"):
		return false
	case kind[0] == "application/json":
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(kind[0])
	charset, given := parameters["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
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
