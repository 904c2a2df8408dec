package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/bridge/upstream"
)

// A cancelled request is told to the server and gets no answer.
func TestCancelIsToldTheServer(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"slow": func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			close(begun)
			<-r.Context().Done()
			close(gone)
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":0,"method":"warm"}`)
	r.line()
	r.send(`{"id":1,"method":"slow"}`)
	<-begun
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	<-gone
	r.send(`{"id":2,"method":"x"}`)
	if got := r.line(); !strings.Contains(got, `"id":2`) {
		t.Error(got)
	}
	if got := strings.Join(s.seen(), ", "); !strings.Contains(got, "POST notifications/cancelled") {
		t.Error(got)
	}
}

// At the end of stdin what is under way is answered within the
// drain, what waits for a person is not waited for.
func TestSessionEndsWithTheInput(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"slow": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) { answer(w, id, `"late"`) },
		"hang": func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) { <-r.Context().Done() },
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"slow"}`)
	_ = r.in.Close()
	if got := r.line(); !strings.Contains(got, "late") {
		t.Error(got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	r = newRig(t, s, func(b *Config, _ *upstream.Config) {
		b.DrainTimeout = time.Hour
		b.SignIn = awaited(func() bool { return true })
	})
	r.send(`{"id":1,"method":"hang"}`)
	_ = r.in.Close()
	if got := r.line(); !strings.Contains(got, `"code":1007`) {
		t.Error(got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// EPIPE: a client that has gone ends the run.
func TestClientGone(t *testing.T) {
	r := newRig(t, &server{})
	_ = r.pipe.CloseWithError(errors.New("gone"))
	r.send(`{"id":1,"method":"x"}`)
	if err := r.end(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}

// One answer each, whatever the order: 500 requests at once.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, &server{})
	r.send(`{"id":"warm","method":"x"}`)
	r.line()
	go func() {
		for i := range 500 {
			fmt.Fprintf(r.in, `{"id":%d,"method":"x"}`+"\n", i)
		}
	}()
	seen := map[string]bool{}
	for range 500 {
		seen[r.line()] = true
	}
	if len(seen) != 500 {
		t.Errorf("%d different answers", len(seen))
	}
}
