package bridge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// Order: notifications of a request come before its answer, as they came.
func TestNotificationsComeBeforeTheAnswer(t *testing.T) {
	s := &server{on: handlers{
		"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "data: {\"method\":\"notifications/progress\",\"params\":{\"progress\":%d}}\n\n", i)
			}
			fmt.Fprintf(&b, "data: {\"id\":%s,\"result\":{}}\n\n", id)
			events(w, b.String())
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"x"}`)
	for i := range 1000 {
		if got := r.line(); !strings.HasSuffix(got, fmt.Sprintf(`{"progress":%d}}`, i)) {
			t.Fatalf("%d: %s", i, got)
		}
	}
	if got := r.line(); got != `{"id":1,"result":{}}` {
		t.Error(got)
	}
}

// A stream that broke after an event id is resumed,
// the call is not sent twice.
func TestBrokenStreamIsResumed(t *testing.T) {
	for _, broken := range []bool{false, true} {
		s := &server{on: handlers{
			"x": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				events(w, "id: e1\nretry: 10\ndata:\n\n")
				if broken {
					panic(http.ErrAbortHandler)
				}
			},
		}}
		s.get = func(w http.ResponseWriter, r *http.Request) {
			if id := r.Header.Get("Last-Event-ID"); id != "e1" {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			events(w, "data: {\"id\":1,\"result\":{\"resumed\":true}}\n\n")
		}
		r := newRig(t, s)
		r.send(`{"id":1,"method":"x"}`)
		if got := r.line(); got != `{"id":1,"result":{"resumed":true}}` {
			t.Error(got)
		}
		if got := strings.Join(s.seen(), ", "); got != "POST x, GET" {
			t.Error(got)
		}
	}
}

// Without an id it ends in an error at once, and the request
// is not repeated.
func TestCutStreamIsAnError(t *testing.T) {
	s := &server{on: handlers{
		"tools/call": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			events(w, ": hello\n\n")
			panic(http.ErrAbortHandler)
		},
		"nothing": func(http.ResponseWriter, *http.Request, json.RawMessage) { panic(http.ErrAbortHandler) },
		"json": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":2,"res`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"tools/call"}`)
	if got := r.line(); !strings.Contains(got, `"id":1`) || !strings.Contains(got, fmt.Sprint(jsonrpc.CodeInterrupted)) {
		t.Error(got)
	}
	for _, method := range []string{"json", "nothing"} {
		r.send(`{"id":2,"method":"` + method + `"}`)
		if got := r.line(); !strings.Contains(got, `"id":2`) || !strings.Contains(got, fmt.Sprint(jsonrpc.CodeInterrupted)) {
			t.Error(got)
		}
	}
	if got := strings.Join(s.seen(), ", "); got != "POST tools/call, POST json, POST nothing" {
		t.Error(got)
	}
}
