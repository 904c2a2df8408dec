package bridge

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/bridge/upstream"
)

// Pings begin when the session stands, have ids that no client uses, and their
// answers go nowhere.
func TestPingsBeginWithTheSession(t *testing.T) {
	pinged := make(chan string, 64)
	s := &server{on: handlers{
		"ping": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			answer(w, id, `{}`)
			pinged <- string(id)
		},
	}}
	r := newRig(t, s, func(c *Config, _ *upstream.Config) { c.PingInterval = time.Millisecond })
	r.send(initialize)
	r.line()
	select {
	case id := <-pinged:
		t.Errorf("ping %s before the session stood", id)
	default:
	}
	r.send(initialized)
	one, two := <-pinged, <-pinged
	if one == two || !strings.HasPrefix(one, `"mcp-login-`) {
		t.Errorf("ids %s and %s", one, two)
	}
	r.send(`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`)
	if got := r.line(); !strings.Contains(got, `"id":7`) {
		t.Errorf("the client got %s", got)
	}
}
