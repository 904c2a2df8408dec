package account

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// sink is a Remote that takes everything.
type sink struct{ sent int }

func (s *sink) Send(context.Context, jsonrpc.Message, jsonrpc.Sink) error { s.sent++; return nil }
func (s *sink) Unasked(jsonrpc.Sink)                                      {}
func (s *sink) Close(context.Context) error                               { return nil }

// Issue 6, item 7: the page knows the client program by the name that it gave
// itself, with sessions or without, and every message goes on to the server.
func TestProgramIsHeard(t *testing.T) {
	modern := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"modern","version":"1"}}}}`
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":%s}}`
	for _, tc := range []struct {
		want  string
		lines []string
	}{
		{"plain", []string{fmt.Sprintf(initialize, `{"name":"plain"}`)}},
		{"With Title", []string{fmt.Sprintf(initialize, `{"name":"plain","title":"With Title"}`)}},
		{"plain", []string{fmt.Sprintf(initialize, `{"name":"plain","title":""}`)}},
		{"modern", []string{modern}},
		{"after", []string{`{"jsonrpc":"2.0","id":0,"method":"server/discover"}`, fmt.Sprintf(initialize, `{"name":"after"}`)}},
		{"first", []string{fmt.Sprintf(initialize, `{"name":"first"}`), fmt.Sprintf(initialize, `{"name":"second"}`)}},
		{"", []string{fmt.Sprintf(initialize, `{"name":7}`), fmt.Sprintf(initialize, `"x"`), `{"jsonrpc":"2.0","method":"initialize","params":{"clientInfo":{"name":"no request"}}}`}},
		{"", []string{fmt.Sprintf(initialize, `{"name":"`+strings.Repeat("x", maxClientName+1)+`"}`)}},
		{"", append(strings.Split(strings.Repeat(`{"jsonrpc":"2.0","id":0,"method":"x"}`+"\n", maxPeeked), "\n")[:maxPeeked], modern)},
	} {
		name, remote := new(clientName), new(sink)
		for _, line := range tc.lines {
			m, err := jsonrpc.Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if err := (nameReader{remote, name}).Send(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := name.String(); got != tc.want || remote.sent != len(tc.lines) {
			t.Errorf("%q, want %q; %d of %d sent", got, tc.want, remote.sent, len(tc.lines))
		}
	}
}
