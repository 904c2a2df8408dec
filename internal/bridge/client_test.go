package bridge

import (
	"fmt"
	"strings"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// What the client says about itself is told once, with sessions or without, from one of
// its first requests; every message goes on to the server.
func TestClientIsIntroducedOnce(t *testing.T) {
	stateless := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"stateless"}}}}`
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":%s}}`
	plain := `{"jsonrpc":"2.0","id":0,"method":"x"}`
	for name, tc := range map[string]struct {
		want  string
		lines []string
	}{
		"initialize":      {`{"name":"a"}`, []string{fmt.Sprintf(initialize, `{"name":"a"}`)}},
		"stateless":       {`{"name":"stateless"}`, []string{stateless}},
		"the second one":  {`{"name":"b"}`, []string{plain, fmt.Sprintf(initialize, `{"name":"b"}`)}},
		"the first wins":  {`{"name":"a"}`, []string{fmt.Sprintf(initialize, `{"name":"a"}`), fmt.Sprintf(initialize, `{"name":"b"}`)}},
		"no request":      {"", []string{`{"jsonrpc":"2.0","method":"initialize","params":{"clientInfo":{"name":"a"}}}`}},
		"looked for long": {"", append(strings.Fields(strings.Repeat(plain+" ", maxLooked)), stateless)},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			s := holding(nil)
			over(t, s, Config{Client: func(info []byte) { told = append(told, string(info)) }}, func(say func(string), hear func() string) {
				for _, line := range tc.lines {
					say(line)
					if m := jsonrpc.Built([]byte(line)); m.Kind == jsonrpc.Request {
						hear()
					}
				}
			})
			if got := strings.Join(told, ","); got != tc.want || len(strings.Fields(s.seen())) != len(tc.lines) {
				t.Errorf("told %q, want %q; sent %q", got, tc.want, s.seen())
			}
		})
	}
}
