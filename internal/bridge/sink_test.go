package bridge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/bridge/upstream"
)

const callLine = `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}`

// passOn passes on what is large, however slowly it comes.
func passOn(_ *Config, c *upstream.Config) { c.StreamWithin = time.Hour }

// halves is a server whose tools/call sends the half of a large answer, then
// what between does, then the rest.
func halves(size int, between func(w http.ResponseWriter, r *http.Request)) *server {
	return &server{on: handlers{
		"tools/call": func(w http.ResponseWriter, r *http.Request, id json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			text := `{"jsonrpc":"2.0","id":` + string(id) + `,"result":{"x":"` + strings.Repeat("y", size) + `"}}`
			_, _ = io.WriteString(w, text[:len(text)/2])
			_ = http.NewResponseController(w).Flush()
			if between != nil {
				between(w, r)
			}
			_, _ = io.WriteString(w, text[len(text)/2:])
		},
	}}
}

// While a large answer is passed on, what else is to be said waits for its
// end; lines stay lines.
func TestNothingIsWrittenIntoALargeAnswer(t *testing.T) {
	other := make(chan struct{})
	s := halves(10<<20, func(http.ResponseWriter, *http.Request) { <-other })
	s.on["other"] = func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
		close(other)
	}
	r := newRig(t, s, passOn)
	r.send(fmt.Sprintf(callLine, 1))
	if _, err := r.out.Peek(1); err != nil { // it is on its way before it is complete
		t.Fatal(err)
	}
	r.send(`{"jsonrpc":"2.0","id":2,"method":"other"}`)
	first, second := r.line(), r.line()
	if len(first) < 10<<20 || !strings.HasPrefix(first, `{"jsonrpc":"2.0","id":1,`) || second != `{"jsonrpc":"2.0","id":2,"result":{}}` {
		t.Errorf("%d bytes beginning with %.40q, then %.80q", len(first), first, second)
	}
	r.close()
}

// What breaks off while it is passed on is a line that nobody can read,
// and then one error for the request; the next one is answered.
func TestLargeAnswerBreaksOff(t *testing.T) {
	times := 0
	s := halves(10<<20, func(http.ResponseWriter, *http.Request) {
		if times++; times == 1 {
			panic(http.ErrAbortHandler)
		}
	})
	r := newRig(t, s, passOn)
	r.send(fmt.Sprintf(callLine, 1))
	if line := r.line(); json.Valid([]byte(line)) {
		t.Errorf("%d bytes that are an answer", len(line))
	}
	if line := r.line(); !strings.Contains(line, `"id":1,"error":{"code":1005,`) {
		t.Errorf("%.200q", line)
	}
	r.send(fmt.Sprintf(callLine, 2))
	if line := r.line(); !json.Valid([]byte(line)) || !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":2,`) {
		t.Errorf("%d bytes", len(line))
	}
	r.close()
}

// A cancel that comes while the answer is passed on does not cut it.
func TestLargeAnswerIsNotCut(t *testing.T) {
	cancelled := make(chan struct{})
	s := halves(10<<20, func(http.ResponseWriter, *http.Request) { <-cancelled })
	r := newRig(t, s, passOn)
	r.send(fmt.Sprintf(callLine, 1))
	if _, err := r.out.Peek(1); err != nil {
		t.Fatal(err)
	}
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, fmt.Sprintf(callLine, 2))
	close(cancelled)
	if line := r.line(); !json.Valid([]byte(line)) {
		t.Errorf("%d bytes that are no answer", len(line))
	}
	if line := r.line(); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":2,`) {
		t.Errorf("%.100q", line)
	}
	r.close()
}
