package server

import (
	stdjson "encoding/json"
	"net/http"
	"strings"
)

// problem is an answer that refuses a request. Its texts are fixed: details go
// to the log under the request's id.
type problem struct {
	status int
	code   string // error code of RFC 6750 section 3.1, where one fits
	text   string
}

// write answers with the problem as JSON, in the shape OAuth uses for errors,
// with the id by which the operator finds the request in the log.
func (p problem) write(w http.ResponseWriter) {
	answer := map[string]string{"error": p.code, "error_description": p.text}
	if id := w.Header().Get(requestIDHeader); id != "" {
		answer["request_id"] = id
	}
	writeJSON(w, p.status, answer)
}

// writeJSON answers with a JSON document that no cache keeps.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = stdjson.NewEncoder(w).Encode(v)
}

// onlyGET answers every method but GET and HEAD with 405.
func onlyGET(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			methodNotAllowed(w, "GET, HEAD")
			return
		}
		serve(w, r)
	}
}

// challenge builds a Bearer challenge (RFC 6750 section 3, RFC 9728 section
// 5.1). An empty parameter is left out.
func challenge(resourceMetadata string, scopes []string, code, text string) string {
	var b strings.Builder
	b.WriteString("Bearer ")
	first := true
	add := func(name, value string) {
		value = quoted(value)
		if value == `""` {
			return
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		b.WriteString(name + "=" + value)
	}
	add("resource_metadata", resourceMetadata)
	add("scope", strings.Join(scopes, " "))
	add("error", code)
	add("error_description", text)
	return b.String()
}

// quoted implements quoted-string (RFC 9110 section 5.6.4) in ASCII. All other
// characters are dropped; none of our own texts has any, and nobody else's may
// end a parameter or a line.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
