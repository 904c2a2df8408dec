package devidp

import (
	"net/http"

	"github.com/go-json-experiment/json"
)

// writeJSON answers and returns nil, as an endpoint that has answered does.
func writeJSON(w http.ResponseWriter, status int, v any) *oauthError {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return nil
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// oauthError is an error answer in the form of Logto: with the members code
// and message of its own beside those of RFC 6749, section 5.2.
type oauthError struct {
	status            int
	code, description string
	members           map[string]string // more of them
}

func (e *oauthError) write(w http.ResponseWriter) {
	body := map[string]any{"code": "oidc." + e.code, "message": e.description, "error": e.code, "error_description": e.description}
	if e.code == "invalid_grant" {
		body["error_uri"] = "https://openid.sh/debug/invalid_grant"
	}
	if e.description == "" {
		delete(body, "error_description")
		delete(body, "message")
	}
	for name, value := range e.members {
		body[name] = value
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, e.status, body)
}

// naming adds the member scope to the answer.
func (e *oauthError) naming(scope string) *oauthError {
	e.members = map[string]string{"scope": scope}
	return e
}

// badRequest is the common status.
func badRequest(code, description string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: code, description: description}
}

func missing(parameter string) *oauthError {
	return badRequest("invalid_request", "missing required parameter '"+parameter+"'")
}

// invalidGrant is all Logto says about any code or refresh token it refuses.
func invalidGrant() *oauthError { return badRequest("invalid_grant", "grant request is invalid") }

func invalidTarget() *oauthError {
	return badRequest("invalid_target", "resource indicator is missing, or unknown")
}
