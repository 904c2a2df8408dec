package bridge

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/bridge/upstream"
)

// At the end of stdin what is under way is answered within the
// drain, what waits for a person is not waited for.
func TestSessionEndsWithTheInput(t *testing.T) {
	s := &server{on: handlers{
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
		b.SignIn = AwaitedOnly(func() bool { return true })
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
func TestRunEndsWhenTheClientHasGone(t *testing.T) {
	r := newRig(t, &server{})
	_ = r.pipe.CloseWithError(errors.New("gone"))
	r.send(`{"id":1,"method":"x"}`)
	if err := r.end(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}
