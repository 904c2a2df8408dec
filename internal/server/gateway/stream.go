package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/foreign"
)

// firstBeat is how long the header of a stream waits for its first event: an answer that
// comes at once is one write.
const firstBeat = time.Second

// farewell tells the client when to come back; a stream ends after it.
const farewell = "retry: 1000\n: please reconnect\n\n"

// stream writes events to a client as they come, and signs of life between them. What it
// writes of its own stands between two events, never within one.
type stream struct {
	w    http.ResponseWriter
	conn *http.ResponseController

	mu       sync.Mutex
	timer    *time.Timer // of the next heartbeat
	last     time.Time   // when something was written
	tail     [2]byte     // the last bytes, without CR
	stopping bool
	ended    bool
}

// stream passes a stream on until it ends on one side, or is to stop.
func (l *Relay) stream(w http.ResponseWriter, body io.ReadCloser) error {
	s := &stream{w: w, conn: http.NewResponseController(w), tail: [2]byte{'\n', '\n'}}
	// A body that is closed ends the reading: that is how others end a stream.
	s.begin(l.First, min(firstBeat, l.Heartbeat), func() {
		if l.Alive != nil && !l.Alive() || s.beat(l.Heartbeat) != nil {
			s.end()
			_ = body.Close()
		}
	})
	defer s.end()
	if l.Stop != nil {
		defer context.AfterFunc(l.Stop, func() {
			if s.stop() {
				_ = body.Close()
			}
		})()
	}
	in := newPieces(body)
	defer in.end()
	for {
		limit := time.Duration(0) // nothing needs to happen between two events
		if !s.between() {
			limit = l.Timeout
		}
		piece, err := in.next(limit)
		if over, failed := s.pass(piece); failed != nil {
			return cutOff("write", failed)
		} else if over || errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cutOff("upstream", foreign.HTTPError(err))
		}
		in.shrink(len(piece))
	}
}

// pass writes what the upstream has written; over says that the stream is to end here.
func (s *stream) pass(piece []byte) (over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(piece) == 0 {
		return s.ended, nil
	}
	if err := s.write(piece); err != nil {
		return true, err
	}
	for k := max(0, len(piece)-4); k < len(piece); k++ {
		if c := piece[k]; c != '\r' {
			s.tail = [2]byte{s.tail[1], c}
		}
	}
	if s.stopping && s.between() {
		s.ended = true
		return true, s.write([]byte(farewell))
	}
	return false, nil
}

// between reports whether the last event is complete.
func (s *stream) between() bool { return s.tail == [2]byte{'\n', '\n'} }

// begin writes what comes first, if anything does, and asks for the heartbeat after wait.
func (s *stream) begin(first string, wait time.Duration, beat func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(wait, beat)
	if first != "" {
		_ = s.write([]byte(first)) // the next write has the error
	}
}

// beat writes a comment when nothing was written for so long, and sets the time of the
// next: proxies close what is silent, and a client that is gone is noticed only by writing.
func (s *stream) beat(every time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	if rest := every - time.Since(s.last); rest > 0 {
		s.timer.Reset(rest)
		return nil
	}
	s.timer.Reset(every)
	if !s.between() {
		return nil
	}
	return s.write([]byte(": still here\n\n"))
}

// stop ends the stream now, if it is between two events, or after the one that has begun.
func (s *stream) stop() (now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	if s.ended || !s.between() {
		return false
	}
	s.ended = true
	_ = s.write([]byte(farewell))
	return true
}

// end lets nothing be written any more: the ResponseWriter is the handler's only.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	if !s.ended {
		s.ended = true
		setWriteTime(s.conn) // the end is written by net/http
	}
}

// write leaves a deadline behind only at the end, see [setWriteTime].
func (s *stream) write(piece []byte) error {
	s.last = time.Now()
	setWriteTime(s.conn)
	if !s.ended {
		defer func() { _ = s.conn.SetWriteDeadline(time.Time{}) }()
	}
	if _, err := s.w.Write(piece); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.conn.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
