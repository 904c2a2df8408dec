package bearer

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// A header is refused that two readers could read differently, or that says something else
// than the message.
func TestAmbiguousHeadersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		h      http.Header
		status int
	}{
		"none":               {http.Header{}, 0},
		"agree":              {http.Header{"Mcp-Method": {"tools/call"}, "Mcp-Name": {"add"}}, 0},
		"agree in Base64":    {http.Header{"Mcp-Name": {"=?base64?YWRk?="}}, 0},
		"UTF-8":              {http.Header{"Content-Type": {`Application/JSON; charset="UTF-8"`}, "Content-Encoding": {"identity"}}, 0},
		"another method":     {http.Header{"Mcp-Method": {"tools/list"}}, 400},
		"another name":       {http.Header{"Mcp-Name": {"sub"}}, 400},
		"another in Base64":  {http.Header{"Mcp-Name": {"=?base64?c3Vi?="}}, 400},
		"bad Base64":         {http.Header{"Mcp-Name": {"=?base64?YWRk=?="}}, 400},
		"method in Base64":   {http.Header{"Mcp-Method": {"=?base64?dG9vbHMvY2FsbA==?="}}, 400},
		"two methods":        {http.Header{"Mcp-Method": {"tools/call", "tools/list"}}, 400},
		"two sessions":       {http.Header{"Mcp-Session-Id": {"a", "b"}}, 400},
		"two types":          {http.Header{"Content-Type": {"application/json", "text/plain"}}, 415},
		"no type":            {http.Header{"Content-Type": nil}, 415},
		"text":               {http.Header{"Content-Type": {"text/plain"}}, 415},
		"no charset":         {http.Header{"Content-Type": {"application/json; charset="}}, 415},
		"two charsets":       {http.Header{"Content-Type": {"application/json; charset=utf-8; charset=utf-7"}}, 415},
		"compressed":         {http.Header{"Content-Encoding": {"gzip"}}, 415},
		"compressed twice":   {http.Header{"Content-Encoding": {"identity", "gzip"}}, 415},
		"UTF-7":              {http.Header{"Content-Type": {"application/json; charset=utf-7"}}, 415},
		"two last event ids": {http.Header{"Last-Event-Id": {"1", "2"}}, 400},
	} {
		var refused *problem
		h := maps.Clone(plain)
		maps.Copy(h, c.h)
		_, err := ReadMessage(h, []byte(`{"method":"tools/call","params":{"name":"add"}}`))
		if errors.As(err, &refused); refused == nil && c.status != 0 || refused != nil && refused.status != c.status {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
	}
	for _, h := range []http.Header{{"Mcp-Session-Id": {"a", "b"}}, {"Last-Event-Id": {"1", "2"}}, {"Mcp-Method": {"tools/call"}}} {
		if CheckHeader(h) == nil {
			t.Errorf("%v passes without a message", h)
		}
	}
	if err := CheckHeader(http.Header{"Mcp-Session-Id": {"a"}, "Last-Event-Id": {"1"}}); err != nil {
		t.Error(err)
	}
}

// Mcp-Name is judged by what names a message of its method (SEP-2243; of tasks, SEP-2663), and
// left to the server where that is not known here.
func TestMcpNameIsThatOfTheMethod(t *testing.T) {
	const params = `{"name":"a","uri":"b","taskId":"c"}`
	for method, names := range map[string]string{
		"tools/call": "a", "prompts/get": "a", "resources/read": "b",
		"tasks/get": "c", "tasks/update": "c", "tasks/cancel": "c",
		"tools/list": "abcd", "x/new": "abcd",
	} {
		for _, name := range []string{"a", "b", "c", "d"} {
			h := http.Header{"Content-Type": plain["Content-Type"], "Mcp-Name": {name}}
			_, err := ReadMessage(h, fmt.Appendf(nil, `{"method":%q,"params":%s}`, method, params))
			if (err == nil) != strings.Contains(names, name) {
				t.Errorf("%s as %s: %v", method, name, err)
			}
		}
	}
	h := http.Header{"Content-Type": plain["Content-Type"], "Mcp-Name": {"a"}}
	if _, err := ReadMessage(h, []byte(`{"id":1,"result":{"name":"a"}}`)); err == nil {
		t.Error("an answer has a name")
	}
}

// The version of the header is that of the message, where both are there (MCP 2026-07-28,
// transports, protocol version header).
func TestVersionOfTheHeaderIsThatOfTheMessage(t *testing.T) {
	const with = `{"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	for _, c := range []struct {
		body, header string
		agree        bool
	}{
		{with, "2026-07-28", true},
		{with, "", true},
		{with, "2025-06-18", false},
		{`{"method":"tools/list"}`, "2025-06-18", true},
		{`{"method":"tools/list"}`, "2026-07-28", true},
	} {
		h := http.Header{"Content-Type": plain["Content-Type"]}
		if c.header != "" {
			h["Mcp-Protocol-Version"] = []string{c.header}
		}
		_, err := ReadMessage(h, []byte(c.body))
		var refused *problem
		if errors.As(err, &refused); (err == nil) != c.agree || refused != nil && refused.rpc != rpcHeaderMismatch {
			t.Errorf("%s with %s: %v", c.body, c.header, err)
		}
	}
}
