package bridge

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/bridge/upstream"
)

// Issue 4, item 8: hidden tools are not listed and cannot be called; the others
// come byte for byte, and the hidden call does not reach the server.
func TestFilterHidesTools(t *testing.T) {
	s := &server{on: map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"tools/list": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			answer(w, id, `{"tools":[{"name":"get_a","n":1.0}, {"name":"delete_a"},{"name":"get_secret"}],"nextCursor":"x"}`)
		},
	}}
	r := newRig(t, s, func(c *Config, _ *upstream.Config) {
		c.Tools = Filter{Allow: []string{"get_*", "other"}, Ignore: []string{"*secret"}}
	})
	r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"get_a","n":1.0}],"nextCursor":"x"}}` {
		t.Error(got)
	}
	for name, reached := range map[string]bool{"get_a": true, "delete_a": false, "get_secret": false} {
		r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + name + `"}}`)
		if got := r.line(); strings.Contains(got, `"code":1008`) == reached {
			t.Error(name, got)
		}
	}
	if got := strings.Join(s.seen(), ","); got != "POST tools/list,POST tools/call" {
		t.Error(got)
	}
}

func TestFilterPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b", true},
		{"a*", "ab", true},
		{"*a", "ba", true},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abde", false},
		{"a*a", "a", false},
		{"*b*", "abc", true},
		{"A*", "ab", false},
		{"[a]?", "a", false},
	} {
		if matches(c.pattern, c.name) != c.want {
			t.Errorf("%q and %q", c.pattern, c.name)
		}
	}
}
