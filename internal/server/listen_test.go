package server

import (
	"io"
	"strings"
	"testing"

	"mcp-login/test/issuer"
)

// The acknowledgement of subscriptions/listen is there and comes first, also
// when nothing can be subscribed to and the result follows at once. mcp-go alone
// loses it now and then.
func TestListenIsAcknowledgedFirst(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	for n := range 1000 {
		resp := l.callModern(t, c, "subscriptions/listen", `"notifications":{"promptsListChanged":true},`)
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		ack := strings.Index(string(text), `"notifications/subscriptions/acknowledged"`)
		result := strings.Index(string(text), `"result"`)
		if resp.StatusCode != 200 || ack < 0 || result < ack {
			t.Fatalf("listen %d: %d %s", n, resp.StatusCode, text)
		}
	}
}
