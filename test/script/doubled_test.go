package script

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// doubled repeats a member so often that it has about a megabyte.
func doubled(member string) string { return strings.Repeat(member+",", (1<<20)/(len(member)+1)) }

// A megabyte of doubled members costs what a megabyte costs: the answer is there
// long before members that are cut one after the other, each by a new scan, would
// be (343 KiB took 36 s, and four times as much takes sixteen times as long).
func TestMegabyteOfDoubledMembers(t *testing.T) {
	const sessions, stateless = "2025-11-25", "2026-07-28"
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + stateless + `","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
	for name, tc := range map[string]struct {
		args           []string
		client, server string
		method         string
		result         string // of tools/list or tools/call
		params         string
	}{
		"tool filter":         {args: []string{"--ignore-tool", "x"}, client: sessions, server: sessions, method: "tools/list", result: `{` + doubled(`"tools":[]`) + `"tools":[{"name":"x"}]}`},
		"result":              {client: sessions, server: stateless, method: "tools/call", result: `{` + doubled(`"structuredContent":1`) + `"content":[]}`},
		"tool":                {client: sessions, server: stateless, method: "tools/list", result: `{"tools":[{` + doubled(`"outputSchema":{}`) + `"name":"x"}]}`},
		"nested type":         {client: stateless, server: stateless, method: "tools/list", result: `{"tools":[` + doubled(`{"name":"x","inputSchema":{"properties":{"a":{"x-mcp-header":"A","type":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}}}}`) + `{"name":"x"}]}`},
		"filled":              {client: stateless, server: sessions, method: "tools/call", result: `{` + doubled(`"_meta":{}`) + `"content":[]}`},
		"what the client did": {client: stateless, server: sessions, method: "tools/call", result: `{"content":[]}`, params: doubled(`"inputResponses":{}`) + doubled(`"requestState":1`)},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var m struct {
					ID     json.RawMessage
					Method string
				}
				_ = json.Unmarshal(body, &m)
				w.Header().Set("Content-Type", "application/json")
				switch {
				case r.Method != http.MethodPost:
					w.WriteHeader(http.StatusMethodNotAllowed)
				case m.ID == nil:
					w.WriteHeader(http.StatusAccepted)
				case m.Method == "initialize" && tc.server == sessions:
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":%q,"capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`, m.ID, sessions)
				case m.Method == "server/discover" && tc.server == stateless:
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":[%q],"capabilities":{}}}`, m.ID, stateless)
				case m.Method == tc.method:
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, tc.result)
				default:
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
				}
			}))
			defer srv.Close()
			b := startBridge(t, append(tc.args, srv.URL+"/mcp")...)
			limit := time.AfterFunc(30*time.Second, func() { _ = b.cmd.Process.Kill() })
			defer limit.Stop()
			ask := func(line string) string {
				fmt.Fprintln(b.in, line)
				answer, err := b.out.ReadString('\n')
				if err != nil {
					t.Fatal("no answer within half a minute:", err)
				}
				return answer
			}
			params := `{` + tc.params + `"name":"x"}`
			if tc.client == sessions {
				ask(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + sessions + `","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
				fmt.Fprintln(b.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
			} else {
				params = `{` + tc.params + meta + `,"name":"x"}`
			}
			answer := ask(`{"jsonrpc":"2.0","id":2,"method":"` + tc.method + `","params":` + params + `}`)
			if !strings.Contains(answer, `"id":2`) || !strings.Contains(answer, `"result"`) || !json.Valid([]byte(answer)) {
				t.Errorf("answer: %.300s", answer)
			}
			_ = b.in.Close()
			b.ended()
		})
	}
}
