package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// streams are the open streams of the transport of 2024-11-05, by number.
type streams struct {
	mu   sync.Mutex
	last int
	open map[string]*stream
}

// stream is one of them.
type stream struct {
	mu  sync.Mutex
	out *bufio.Writer
	to  *http.ResponseController
}

func (s *streams) add(w http.ResponseWriter) (id string, st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]*stream{}
	}
	s.last++
	id = strconv.Itoa(s.last)
	st = &stream{out: bufio.NewWriterSize(w, 64<<10), to: http.NewResponseController(w)}
	s.open[id] = st
	return id, st
}

func (s *streams) get(id string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id]
}

func (s *streams) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// say writes to the stream, whole, and sends it off.
func (s *stream) say(write func(*bufio.Writer) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if write(s.out) == nil && s.out.Flush() == nil {
		_ = s.to.Flush()
	}
}

// legacyStream is the stream that brings everything.
func (t *target) legacyStream(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "this server knows the transport of 2024-11-05 only", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	id, s := t.streams.add(w)
	s.say(func(out *bufio.Writer) error {
		_, err := fmt.Fprintf(out, "event: endpoint\ndata: /legacy/message?stream=%s\n\n", id)
		return err
	})
	select {
	case <-r.Context().Done():
	case <-t.ended:
	}
	t.streams.remove(id)
	s.mu.Lock() // nobody writes any more when the handler returns
	s.out.Reset(nil)
	s.mu.Unlock()
}

// legacyMessage takes a message; its answer goes onto the stream.
func (t *target) legacyMessage(w http.ResponseWriter, r *http.Request) {
	s := t.streams.get(r.URL.Query().Get("stream"))
	m, err := decode(r.Body)
	if s == nil || err != nil {
		http.Error(w, "no such stream, or no message", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if m.ID == nil || m.Method == "" {
		return
	}
	s.say(func(out *bufio.Writer) error {
		if m.notifies() {
			if err := m.notifications(out); err != nil {
				return err
			}
		}
		return m.event(out)
	})
}
