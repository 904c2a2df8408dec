package server

import (
	stdjson "encoding/json"
	"net/http"
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

func methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	problem{http.StatusMethodNotAllowed, "invalid_request", "This method is not allowed here."}.write(w)
}

func forbidden(w http.ResponseWriter, text string) {
	problem{http.StatusForbidden, "forbidden", text}.write(w)
}

func noSession(w http.ResponseWriter) {
	problem{http.StatusNotFound, "not_found", "There is no such session."}.write(w)
}
