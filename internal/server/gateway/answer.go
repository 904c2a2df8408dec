package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
)

// writeTimeout is how long a client may leave a piece of an answer unread.
const writeTimeout = 30 * time.Second

// Relay is how an answer goes to the client.
type Relay struct {
	// Heartbeat is the pause between signs of life on an idle stream.
	Heartbeat time.Duration
	// Timeout bounds the wait for the next piece of an answer, or of an event that has
	// begun: there is no place for a sign of life then. Zero means no bound.
	Timeout time.Duration
	// Alive is asked with each heartbeat whether the stream may go on; nil means yes.
	Alive func() bool
	// Stop tells the client of a stream to come back later, and ends it between two
	// events; nil means that it ends when the upstream ends it.
	Stop context.Context
	// First is written before the first event of a stream, at once; "" for nothing.
	First string
	// Body is the message that is answered.
	Body []byte
}

// Write writes an answer and closes its body. An error says that it broke off, on either side.
// The client must see that: the connection is to be cut, or half an answer would look like a
// whole one.
func (l *Relay) Write(w http.ResponseWriter, resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	setWriteTime(http.NewResponseController(w))
	h := w.Header()
	copyAnswerHeader(h, resp.Header)
	kind := mediaType(resp)
	switch {
	case resp.StatusCode >= 300 && kind != typeJSON:
		foreign.Discard(resp)
		WriteError(w, resp.StatusCode, l.Body, "The server behind this gateway answered "+strconv.Itoa(resp.StatusCode)+".")
		return nil
	case !hasBody(resp):
		foreign.Discard(resp)
		w.WriteHeader(resp.StatusCode)
		return nil
	case kind == typeEvents:
		h["Content-Type"] = []string{typeEvents}
		w.WriteHeader(resp.StatusCode)
		return l.stream(w, resp.Body)
	}
	h["Content-Type"] = []string{typeJSON}
	if resp.ContentLength > 0 {
		h["Content-Length"] = []string{strconv.FormatInt(resp.ContentLength, 10)}
	}
	w.WriteHeader(resp.StatusCode)
	return l.copy(w, resp.Body)
}

// setWriteTime bounds what is written next. While the upstream is waited for there must be no
// deadline: HTTP/2 ends a stream when one passes, whether anything is written or not. Not
// every ResponseWriter can set one.
func setWriteTime(conn *http.ResponseController) {
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// copy writes a body. That of a subscription is a stream as well: some servers write its
// messages as JSON, one after the other (the reference server of the conformance suite).
func (l *Relay) copy(w http.ResponseWriter, body io.ReadCloser) error {
	subscription, limit := l.Stop != nil, l.Timeout
	if subscription {
		limit = 0
	}
	in := newPieces(body)
	defer in.end()
	conn := http.NewResponseController(w)
	for {
		_ = conn.SetWriteDeadline(time.Time{})
		piece, err := in.next(limit)
		setWriteTime(conn)
		if len(piece) > 0 {
			if _, failed := w.Write(piece); failed != nil {
				return cutOff("write", failed)
			}
			if subscription {
				_ = conn.Flush() // the next write has the error
			}
		}
		in.shrink(len(piece))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return cutOff("upstream", foreign.HTTPError(err))
		}
	}
}

func cutOff(by string, err error) error {
	return fmt.Errorf("the answer was cut off: %s: %w", by, err)
}

// WriteError answers a message with a JSON-RPC error that has its id, or null where the
// message asks nothing (JSON-RPC 2.0 section 5).
func WriteError(w http.ResponseWriter, status int, body []byte, text string) {
	type data struct {
		RequestID string `json:"requestId,omitzero"`
	}
	type fault struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    data   `json:"data,omitzero"`
	}
	id := memberOf(body, "id")
	if kind := id.Kind(); kind != '"' && kind != '0' {
		id = jsontext.Value("null")
	}
	answer, _ := json.Marshal(struct {
		Version string         `json:"jsonrpc"`
		ID      jsontext.Value `json:"id"`
		Error   fault          `json:"error"`
	}{"2.0", id, fault{-32603, text, data{w.Header().Get(headerRequestID)}}})
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	_, _ = w.Write(append(answer, '\n'))
}
