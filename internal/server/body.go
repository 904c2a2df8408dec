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
	// maxAnnounced is how much room is made before a byte of it has come.
	maxAnnounced = 16 << 10
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

// readMessageBody checks a message's content type, reads it whole, and asks
// whether its sender may send it, or answers itself and returns false. A page may
// send text/plain to any server without a preflight, so only application/json is
// taken (S13). mcp-go reads without limit, which is why the reading is done here;
// it gets the body that was read.
func readMessageBody(w http.ResponseWriter, r *http.Request) ([]byte, message, bool) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		problem{
			http.StatusUnsupportedMediaType, "invalid_request",
			"The content type must be application/json.",
		}.write(w)
		return nil, message{}, false
	}
	if r.ContentLength > maxBodyBytes {
		tooLarge(w)
		return nil, message{}, false
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, maxBodyBytes), r.ContentLength)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		tooLarge(w)
		return nil, message{}, false
	case err != nil:
		noteReason(r.Context(), err)
		w.Header().Set("Connection", "close")
		problem{http.StatusBadRequest, "invalid_request", "The message could not be read."}.write(w)
		return nil, message{}, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	m, ok := allowMessage(w, r, body)
	if !ok {
		return nil, message{}, false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return body, m, true
}

// readAll is io.ReadAll for a body whose length the sender has announced: -1 for
// none. It is not believed beyond what a usual message has.
func readAll(body io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), maxAnnounced)) + bytes.MinRead)
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

func tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	problem{
		http.StatusRequestEntityTooLarge, "invalid_request",
		"The message is larger than 4 MiB.",
	}.write(w)
}
