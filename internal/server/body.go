package server

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	// maxBodyBytes is the largest message accepted, 4 MiB.
	maxBodyBytes = 4 << 20
	// bodyTimeout is how long a client may take to send its message.
	bodyTimeout = 30 * time.Second
)

// limitBody bounds the time that the sender of r may take for its body, whether
// somebody reads it or not: net/http reads what the handler left over before it
// answers, and would wait for ever. Its own ReadTimeout would end long streams as
// well. Not every ResponseWriter can set a deadline; then there is none.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

// readBody checks a message's content type, reads it whole, and asks whether its
// sender may send it, or answers itself and returns false. A page may send text/plain to any server without
// a preflight, so only application/json is taken (S13). mcp-go reads without
// limit, which is why the reading is done here.
func readBody(w http.ResponseWriter, r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		problem{
			http.StatusUnsupportedMediaType, "invalid_request",
			"The content type must be application/json.",
		}.write(w)
		return false
	}
	if r.ContentLength > maxBodyBytes {
		tooLarge(w)
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		tooLarge(w)
		return false
	case err != nil:
		noteReason(r.Context(), err)
		w.Header().Set("Connection", "close")
		problem{http.StatusBadRequest, "invalid_request", "The message could not be read."}.write(w)
		return false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if !allowMessage(w, r, body) {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return true
}

// readMessageBody is readBody for those who need the message itself.
func readMessageBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if !readBody(w, r) {
		return nil, false
	}
	body, err := io.ReadAll(r.Body) // in memory already
	if err != nil {
		noteReason(r.Context(), err)
		problem{http.StatusBadRequest, "invalid_request", "The message could not be read."}.write(w)
		return nil, false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, true
}

func tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	problem{
		http.StatusRequestEntityTooLarge, "invalid_request",
		"The message is larger than 4 MiB.",
	}.write(w)
}
