package server

import (
	"io"
	"strings"
	"testing"
)

// The acknowledgement of subscriptions/listen is there and comes first, also
// when nothing can be subscribed to and the result follows at once. mcp-go alone
// loses it now and then.
func TestListenIsAcknowledgedFirst(t *testing.T) {
	i := newTestIssuer(t)
	l := startServer(t, i, nil)
	c := clientWith(t, l.tokenFor(t, i, "alice"))
	for n := range 1000 {
		resp := post(t, c, l.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+
			`"notifications":{"promptsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
			`"io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`,
			"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen")
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
