package upstream

import (
	"strings"
	"testing"
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
