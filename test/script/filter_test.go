package script

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// With --ignore-tool no spelling of a hidden tool's call that some server could
// read as one reaches the server; what is clear, passes, byte for byte. Without a
// filter everything passes.
func TestHiddenToolInEverySpelling(t *testing.T) {
	hidden := []string{
		`"method":"tools/call","params":{"name":"delete"}`,
		`"method":"tools/call","params":{"Name":"delete"}`,
		`"method":"tools/call","params":{"name":"get","Name":"delete"}`,
		`"method":"tools/call","params":{"name":"delete","name":"get"}`,
		`"method":"tools/call","params":{"name":"get","name":"delete"}`,
		`"method":"tools/call","params":{"name":"get"," name":"delete"}`,
		`"method":"tools/call","params":{"name":"get","na\u0000me":"delete"}`,
		`"method":"tools/call","params":{"name":"get","\u006eame":"delete"}`,
		`"method":"tools/call","params":{"name":"delete"},"params":{"name":"get"}`,
		`"method":"tools/call","params":{"name":"get"},"params":{"name":"delete"}`,
		`"method":"tools/call","params":{"name":"get"},"Params":{"name":"delete"}`,
		`"method":"tools/call","params":{"name":"get"},"par\u0061ms":{"name":"delete"}`,
		`"method":"tools/call","params":{"name":"delete "}`,
		`"method":"tools/call","params":{"name":"\tdelete"}`,
		`"method":"tools/call","params":{"name":"delete\u0000"}`,
		`"method":"tools/call","params":{"name":"de\u200blete"}`,
		`"method":"tools/call","params":{"name":"\u0064elete"}`,
		`"method":"tools/call","params":{"name":"DELETE"}`,
		`"method":"tools/call","params":{"name":["delete"]}`,
		`"method":"tools/call","params":["delete"]`,
		`"method":"tools\/call","params":{"name":"delete"}`,
		`"\u006dethod":"tools/c\u0061ll","params":{"name":"delete"}`,
		`"method":"Tools/Call","params":{"name":"delete"}`,
		`"method":"tools/call ","params":{"name":"delete"}`,
		`"method":"ping","Method":"tools/call","params":{"name":"delete"}`,
		`"method":"initialize","Method":"tools/call","params":{"name":"delete"}`,
		`"method":"ping","method":"tools/call","params":{"name":"delete"}`,
	}
	for _, filter := range []string{"--ignore-tool=delete", "--allow-tool=get", ""} {
		t.Run(filter, func(t *testing.T) {
			var got seen
			srv := httptest.NewServer(answers(func(_ http.ResponseWriter, _ *http.Request, body string) {
				if strings.Contains(strings.ToLower(body), "delete") {
					got.add(body)
				}
			}))
			defer srv.Close()
			args := []string{srv.URL + "/mcp"}
			if filter != "" {
				args = append(args, filter)
			}
			b := startBridge(t, args...)
			b.initialize()
			b.line()
			for i, members := range hidden {
				line := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, i+100, members)
				for _, sent := range []string{line, "[" + line + "]"} {
					fmt.Fprintln(b.in, sent)
					if answer := b.line(); !strings.Contains(answer, `"error"`) {
						t.Errorf("%s: %s", sent, answer)
					}
				}
				if filter != "" {
					fmt.Fprintf(b.in, `{"jsonrpc":"2.0",%s}`+"\n", members) // as a notification
				}
				if other := strings.ReplaceAll(members, `"method"`, `"METHOD"`); filter != "" && other != members { // as an answer
					fmt.Fprintf(b.in, `{"jsonrpc":"2.0","id":%d,"result":{},%s}`+"\n", i, other)
				}
			}
			fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2, "method":"tools/call","params":{"name" : "get","arguments":{"Name":1,"name":2,"name":3}}}`)
			if answer := b.line(); strings.Contains(answer, "1008") {
				t.Errorf("what is clear was refused: %s", answer)
			}
			_ = b.in.Close()
			b.ended()
			switch reached := got.String(); {
			case filter != "" && reached != "":
				t.Errorf("reached the server: %s", reached)
			case filter == "" && !strings.Contains(reached, hidden[2]):
				t.Error("without a filter not everything passed")
			}
		})
	}
}

// A hidden tool is in no list in any spelling, and neither is a tool whose name can
// be read in more than one way; the others keep their bytes.
func TestHiddenToolIsNotListed(t *testing.T) {
	const shown = `{"name" : "get","n":1.0}`
	for _, result := range []string{
		`{"tools":[` + shown + `,{"name":"delete"},{"Name":"delete"},{"name":"get","Name":"delete"},{"name":"delete","name":"get"},{"name":"delete "},{"name":"delete\u0000"},{"name":"\u0064elete"},{"name":"DELETE"},{"name":["delete"]},{"title":"delete"},"delete",{"name":"get","n\u0061me":"delete"}]}`,
		`{"tools":[` + shown + `],"Tools":[{"name":"delete"}]}`,
		`{"tools":[{"name":"delete"}],"tools":[` + shown + `]}`,
		`{"tools":[` + shown + `],"tools ":[{"name":"delete"}]}`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			if strings.Contains(string(body), "tools/list") {
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":2,"result":%s}`, result)
				return
			}
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}`)
		}))
		b := startBridge(t, "--ignore-tool", "delete", srv.URL+"/mcp")
		b.initialize()
		b.line()
		fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
		answer := b.line()
		if !json.Valid([]byte(answer)) || !strings.Contains(answer, shown) || strings.Contains(strings.ToLower(answer), "elete") || strings.Count(answer, "get") != 1 {
			t.Errorf("%s became %s", result, answer)
		}
		_ = b.in.Close()
		b.ended()
		srv.Close()
	}
}
