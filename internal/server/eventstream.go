package server

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// streamWriteTimeout is how long a client may leave one event unread. Who
	// reads nothing holds a connection for nothing.
	streamWriteTimeout = 30 * time.Second
	// reconnectAfter is what streams that end tell their clients to wait.
	reconnectAfter = time.Second
)

// eventStream writes the events of one answer (WHATWG HTML, section 9.2). It is
// used by one goroutine at a time.
type eventStream struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

func newEventStream(w http.ResponseWriter) eventStream {
	return eventStream{w, http.NewResponseController(w)}
}

// open sends the header, and a comment because some proxies wait for a body.
func (e eventStream) open() error {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	e.w.WriteHeader(http.StatusOK)
	return e.write(": welcome\n\n")
}

// event sends one event; data must be a single line.
func (e eventStream) event(name string, data []byte) error {
	return e.write("event: " + name + "\ndata: " + string(data) + "\n\n")
}

// heartbeat keeps proxies from closing the connection, and finds out whether
// somebody is still there.
func (e eventStream) heartbeat() error { return e.write(": still here\n\n") }

// farewell tells the client when to come back; the stream ends after it.
func (e eventStream) farewell() error {
	err := e.write(fmt.Sprintf("retry: %d\n: please reconnect\n\n", reconnectAfter.Milliseconds()))
	_ = e.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // the end is written by net/http
	return err
}

func (e eventStream) write(text string) error {
	// Not every ResponseWriter can set a deadline; then there is none.
	_ = e.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
	// HTTP/2 ends a stream whose deadline passes, whether anything is written or not.
	defer func() { _ = e.conn.SetWriteDeadline(time.Time{}) }()
	if _, err := io.WriteString(e.w, text); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := e.conn.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
