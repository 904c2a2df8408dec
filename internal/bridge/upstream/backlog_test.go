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
