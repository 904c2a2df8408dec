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

// CheckHeader refuses a request whose header describes its body in more than one way, or
// whose Mcp-Method or Mcp-Name say something else than the message (MCP 2026-07-28,
// transports, standard headers): a server may decide by either. The zero Message is for a
// request without one. The error is for [Resource.Refuse].
func (m Message) CheckHeader(h http.Header) error {
	name := m.Name
	if m.Method == "resources/read" {
		name = m.URI
	}
	for key, values := range h {
		if len(values) > 1 && (strings.HasPrefix(key, "Mcp-") || key == "Content-Type" || key == "Last-Event-Id" || key == "Content-Encoding") {
			return &problem{status: http.StatusBadRequest, code: "invalid_request", text: fmt.Sprintf("There must be one %s header.", key)}
		}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &problem{status: http.StatusUnsupportedMediaType, code: "invalid_request", text: "A message must not be compressed."}
	}
	if kind := h.Get("Content-Type"); kind != "application/json" && !inUTF8(kind) {
		return &problem{status: http.StatusUnsupportedMediaType, code: "invalid_request", text: "A message must be in UTF-8."}
	}
	for key, said := range map[string]string{"Mcp-Method": m.Method, "Mcp-Name": name} {
		values := h[key]
		if len(values) == 0 {
			continue
		}
		value, ok := values[0], true
		if key == "Mcp-Name" {
			value, ok = decodeValue(value)
		}
		if !ok || value != said {
			return &problem{status: http.StatusBadRequest, rpc: rpcHeaderMismatch, text: "Header mismatch: " + key + " says something else than the message"}
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
