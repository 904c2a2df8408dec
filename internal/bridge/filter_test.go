package bridge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/bridge/upstream"
)

// Hidden tools are not listed and cannot be called; the others
// come byte for byte, and the hidden call does not reach the server.
func TestFilterHidesTools(t *testing.T) {
	s := &server{on: handlers{
		"tools/list": results(`{"tools":[{"name":"get_a","n":1.0}, {"name":"delete_a"},{"name":"get_secret"}],"nextCursor":"x"}`),
	}}
	r := newRig(t, s, hiding(Filter{Allow: []string{"get_*", "other"}, Ignore: []string{"*secret"}}))
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

// What stands in the place of the list and is none has no tools, however long it is.
func TestListThatIsNoneIsEmpty(t *testing.T) {
	for _, tools := range []string{`{}`, `""`, `12`, `{"name":"hidden"}`, `"hidden"`, `null`} {
		s := &server{on: handlers{"tools/list": results(`{"tools":` + tools + `}`)}}
		r := newRig(t, s, hiding(Filter{Ignore: []string{"hidden"}}))
		r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}` {
			t.Errorf("%s: %s", tools, got)
		}
	}
}

func TestStarStandsForAnyCharacters(t *testing.T) {
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

// A list of tools is filtered by what the client has asked, whichever way it comes.
func TestListIsFilteredWhicheverWayItComes(t *testing.T) {
	for _, size := range []int{1, 6 << 20} {
		tools := func(id string) string {
			return `{"jsonrpc":"2.0","id":` + id + `,"result":{"x":"` + strings.Repeat("y", size) + `","tools":[{"name":"hidden"},{"name":"shown"}]}}`
		}
		for name, answer := range map[string]http.HandlerFunc{
			"JSON": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, tools("7"))
			},
			"a list of answers": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `[{"jsonrpc":"2.0","id":9,"result":{}},`+tools("7")+`]`)
			},
			"events": func(w http.ResponseWriter, _ *http.Request) { events(w, "data: "+tools("7.0")+"\n\n") },
			"resumed": func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					events(w, "id: 1\nretry: 1\ndata:\n\n")
					return
				}
				events(w, "id: 2\ndata: "+tools("7")+"\n\n")
			},
		} {
			asked := []string{`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, `[{"jsonrpc":"2.0","id":7,"method":"tools/list"}]`, `{"jsonrpc":"2.0","method":"tools\/list","id":7}`}
			for _, line := range asked[:min(len(asked), 1+len(asked)*1000/size)] {
				s := &server{get: answer, on: handlers{
					"tools/list": func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) { answer(w, r) },
				}}
				r := newRig(t, s, passOn, hiding(Filter{Ignore: []string{"hidden"}}))
				r.send(line)
				if got := r.line(); strings.Contains(got, "hidden") || !strings.Contains(got, `"tools":[{"name":"shown"}]`) {
					t.Errorf("%s, %d bytes, asked by %s: %.200q", name, size, line, got)
				}
			}
		}
	}
}

// The same over the stream of HTTP+SSE, where the id alone says what an answer is to.
func TestListIsFilteredOverHTTPSSE(t *testing.T) {
	said := make(chan string)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			events(w, "event: endpoint\ndata: /post\n\n")
			for {
				select {
				case text := <-said:
					events(w, "data: "+text+"\n\n")
				case <-r.Context().Done():
					return
				}
			}
		}
		w.WriteHeader(http.StatusAccepted)
		go func() {
			said <- `[[{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"}]}}]]`
			said <- `{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}]}}`
			said <- `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"}]},"ID":8}`
			said <- `[{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"},{"name":"shown"}]}}]`
		}()
	})
	r := newRig(t, h, hiding(Filter{Ignore: []string{"hidden"}}), func(_ *Config, u *upstream.Config) { u.Transport = upstream.SSE })
	r.send(`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`)
	if got := r.line(); got != `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"shown"}]}}` {
		t.Errorf("%.200q", got)
	}
}

// What looks like the client's answer to a question, but has a method for some server,
// is no way around the filter; neither is a second name behind nesting that is as deep
// as it may be.
func TestFilterLetsNoDisguisedCallPass(t *testing.T) {
	deep := strings.Repeat("[", 9_998) + strings.Repeat("]", 9_998)
	s := &server{}
	r := newRig(t, s, hiding(Filter{Ignore: []string{"delete"}}))
	for _, line := range []string{
		`{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"delete"},"result":{}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","method":5,"params":{"name":"delete"},"result":{}}`,
		`{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"delete"},"error":{}}`,
		`{"jsonrpc":"2.0","id":1,"method":null,"METHOD":"tools/call","params":{"name":"delete"},"result":{}}`,
		`{"jsonrpc":"2.0","id":1,"\u006dethod ":"tools/call","params":{"name":"delete"},"result":{}}`,
		`[{"jsonrpc":"2.0","id":1,"me\u0074hoD":"tools/call","params":{"name":"delete"},"result":{}}]`,
		`{"jsonrpc":"2.0","id":null,"Method":"tools/call","params":{"name":"delete"},"error":{}}`,
	} {
		r.send(line)
	}
	for i, params := range []string{`{"name":"get","x":` + deep + `,"name":"delete"}`, `{"x":` + deep + `,"name":"delete"}`} {
		r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, i, params))
		if got := r.line(); !strings.Contains(got, `"code":1008`) {
			t.Errorf("%.200s", got)
		}
	}
	r.send(`{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","name":"delete"}}`, `{"jsonrpc":"2.0","id":9,"method":"x"}`)
	r.line()
	r.close()
	if got := strings.Join(s.seen(), ","); got != "POST ,POST x" && got != "POST x,POST ," && got != "POST x,POST" && got != "POST,POST x" {
		t.Error(got)
	}
}
