package upstream

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a server sends for the request 7 reaches the client as single messages, none of
// which is an answer to another request, whatever it is packed in.
func TestOnlyTheOwnAnswerIsDelivered(t *testing.T) {
	const other, ours, note = `{"jsonrpc":"2.0","id":8,"result":{}}`, `{"jsonrpc":"2.0","id":7,"result":{}}`, `{"jsonrpc":"2.0","method":"n"}`
	question := `{"jsonrpc":"2.0","id":8,"method":"roots/list"}`
	for _, tc := range []struct {
		text     string
		lines    string
		answered bool
	}{
		{ours, ours, true},
		{other, "", false},
		{"[" + other + "," + note + "," + ours + "," + question + "]", note + "\n" + ours + "\n" + question, true},
		{"[[" + other + "]]", "", false},
		{"[" + note + ",[" + ours + "]]", note, false},
		{"[]", "", false},
		{"[" + ours + `,{"jsonrpc":"2.0","id":7.0,"error":{"code":1,"message":"second"}},` + note + "," + ours + "]", ours + "\n" + note, true},
		{"[" + ours + ",0]", ours, true},
		{`[[` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]]`, "", false},
		{`{"jsonrpc":"2.0","id":8,"method":"roots/list","id":9}`, "", false},
		{`{"jsonrpc":"2.0","id":8,"Id":9,"method":"roots/list"}`, "", false},
		{`{"jsonrpc":"2.0","method":"n","re\u017fult":{},"id":7}`, "", false},
		{"{\n\"jsonrpc\":\"2.0\",\r\n\"id\":8,\"method\":\"roots/list\"}", question, false},
	} {
		p := &recorder{}
		answered, _ := streamingUpstream().deliver([]byte(tc.text), requestWithID("7"), p)
		if got := strings.Join(p.lines, "\n"); answered != tc.answered || got != tc.lines {
			t.Errorf("%.80q: answered %v, %q", tc.text, answered, got)
		}
	}
}

// Slow bodies may hold all slots while the client does not read. Once it has read, no other
// body waits for them.
func TestSlowBodiesGiveUpTheirSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBacklog()
		body := func() *http.Response { return &http.Response{Body: io.NopCloser(strings.NewReader("{}"))} }
		h.bytes.Store(maxBacklog)
		for range maxSlots { // they are not released
			if _, err := h.admit(t.Context(), body()); err != nil {
				t.Fatal(err)
			}
		}
		went := false
		go func() {
			_, _ = h.admit(t.Context(), body())
			went = true
		}()
		if synctest.Wait(); went {
			t.Error("more than there are slots")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.admit(cancelled, body()); err != nil {
			t.Error(err)
		}
		h.bytes.Store(0)
		time.Sleep(slotInterval)
		if synctest.Wait(); !went {
			t.Error("it waits for bodies that come slowly")
		}
	})
}
