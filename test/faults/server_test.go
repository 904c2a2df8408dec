package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server speaks Streamable HTTP of 2025-11-25. What a call does is in its
// arguments' kind:
//
//	json      a JSON answer
//	stream    three progress notifications, then the answer, without event ids
//	resumable the same with event ids; the stream can be resumed
//	many      10,000 notifications first
//	large     an answer of n bytes
//	slow      the same, with a pause near its beginning
//	truncated an event stream that ends in the middle of the answer
//	garbage   bytes that are neither HTTP content nor JSON
//	storm     503
type server struct {
	*httptest.Server
	runs     atomic.Int64 // calls that were carried out
	sessions sync.Map
	number   atomic.Int64
	deleted  atomic.Int64
	called   chan struct{} // holds one when a call came

	mu      sync.Mutex
	resumed map[string][]string // stream → events
	ran     map[string]int      // call → how often
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{called: make(chan struct{}, 1), resumed: map[string][]string{}, ran: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *server) target() string { return strings.TrimPrefix(s.URL, "http://") }

// forget is a restart: no session is known any more.
func (s *server) forget() { s.sessions.Clear() }

// until waits for n calls.
func (s *server) until(t *testing.T, n int64) {
	t.Helper()
	late := time.After(30 * time.Second)
	for s.runs.Load() < n {
		select {
		case <-s.called:
		case <-late:
			t.Fatalf("%d of %d calls came", s.runs.Load(), n)
		}
	}
}

// once checks that no call was carried out twice. It is called at the end.
func (s *server) once(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.ran {
		if n > 1 {
			t.Errorf("call %s was carried out %d times", id, n)
		}
	}
}

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Arguments struct {
			Kind string `json:"kind"`
			N    int    `json:"n"`
		} `json:"arguments"`
		Meta struct {
			Token json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code int `json:"code"`
	} `json:"error"`
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	session := r.Header.Get("Mcp-Session-Id")
	switch r.Method {
	case http.MethodGet:
		s.resume(w, r)
		return
	case http.MethodDelete:
		s.deleted.Add(1)
		return
	}
	body, err := io.ReadAll(r.Body)
	var m message
	if err != nil || json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch m.Method {
	case "initialize":
		id := strconv.FormatInt(s.number.Add(1), 10)
		s.sessions.Store(id, true)
		w.Header().Set("Mcp-Session-Id", id)
		answer(w, m.ID, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`)
		return
	case "server/discover":
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if _, known := s.sessions.Load(session); !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch {
	case m.ID == nil || m.Method == "":
		w.WriteHeader(http.StatusAccepted)
	case m.Method != "tools/call":
		answer(w, m.ID, `{}`)
	default:
		s.call(w, m)
	}
}

func (s *server) call(w http.ResponseWriter, m message) {
	s.runs.Add(1)
	select {
	case s.called <- struct{}{}:
	default:
	}
	s.mu.Lock()
	s.ran[string(m.ID)]++
	s.mu.Unlock()
	switch kind := m.Params.Arguments.Kind; kind {
	case "json":
		answer(w, m.ID, `{}`)
	case "stream":
		events := s.events(m, 3)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			_, _ = io.WriteString(w, "data: "+e+"\n\n")
			w.(http.Flusher).Flush()
		}
	case "resumable":
		s.mu.Lock()
		stream := string(m.ID)
		s.resumed[stream] = s.events(m, 3)
		s.mu.Unlock()
		s.play(w, stream, 0, m.Params.Arguments.N)
	case "many":
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range s.events(m, m.Params.Arguments.N) {
			_, _ = io.WriteString(w, "data: "+e+"\n\n")
		}
	case "large", "slow":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"text":"`, m.ID)
		chunk := bytes.Repeat([]byte("x"), 1<<16)
		for n := m.Params.Arguments.N; n > 0; n -= len(chunk) {
			_, _ = w.Write(chunk[:min(n, len(chunk))])
			if kind == "slow" && n == m.Params.Arguments.N {
				_ = http.NewResponseController(w).Flush()
				time.Sleep(300 * time.Millisecond) // too slow to be passed on before it is complete
			}
		}
		_, _ = io.WriteString(w, `"}}`)
	case "truncated":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"res", m.ID)
	case "garbage":
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte{0x1f, 0x8b, 0, 1, 2, '{', 0xff, '\n'})
	case "storm":
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// events are n notifications of a call and its answer.
func (*server) events(m message, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`, m.ID, i))
	}
	return append(list, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, m.ID))
}

// play sends a stream's events from one on, and cuts the connection after cut
// of them; 0 does not cut.
func (s *server) play(w http.ResponseWriter, stream string, from, cut int) {
	s.mu.Lock()
	events := s.resumed[stream]
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for i := from; i < len(events); i++ {
		_, _ = fmt.Fprintf(w, "id: %s/%d\nretry: 10\ndata: %s\n\n", stream, i+1, events[i])
		w.(http.Flusher).Flush()
		if cut > 0 && i+1 == cut {
			panic(http.ErrAbortHandler)
		}
	}
}

func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		w.Header().Set("Content-Type", "text/event-stream") // the server's own, with nothing to say
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
		return
	}
	stream, n, _ := strings.Cut(last, "/")
	from, err := strconv.Atoi(n)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.play(w, stream, from, 0)
}

func answer(w http.ResponseWriter, id json.RawMessage, result string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}
