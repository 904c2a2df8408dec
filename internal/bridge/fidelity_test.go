package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Bytes travel both ways unchanged.
func TestBytesPassUnchangedBothWays(t *testing.T) {
	corpus := []string{
		`{"jsonrpc":"2.0","id":9007199254740993,"method":"x","params":{"n":12345678901234567890,"f":1.0,"e":1e400}}`,
		`{"id":123456789012345678901234567890,"method":"x","jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1.0,"method":"x"}`,
		`{"jsonrpc":"2.0","id":"","method":"x"}`,
		`{"jsonrpc":"2.0","id":"` + strings.Repeat("k", 10_000) + `","method":"x"}`,
		`{"jsonrpc" : "2.0", "z":1, "id":"a\u0062\/","method":"x","params":{"dup":1,"dup":2,"<&>":"\u2028 é"},"unknown":{"a":[ 1 ,2]}}`,
	}
	s := &server{on: handlers{
		"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			fmt.Fprintf(w, `{"extra":1.0,"id":%s,"jsonrpc":"2.0","result":{"big":12345678901234567890,"dup":1,"dup":2}}`, id)
		},
	}}
	r := newRig(t, s)
	for _, line := range corpus {
		r.send(line)
		var m struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal([]byte(line), &m)
		want := `{"extra":1.0,"id":` + string(m.ID) + `,"jsonrpc":"2.0","result":{"big":12345678901234567890,"dup":1,"dup":2}}`
		if got := r.line(); got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, body := range s.bodies {
		if body != corpus[i] {
			t.Errorf("server got %s, want %s", body, corpus[i])
		}
	}
}

// What is no message is answered or passed over, and
// the next one works.
func TestBadLinesAreAnswered(t *testing.T) {
	r := newRig(t, &server{})
	for _, tc := range []struct{ line, code string }{
		{"hello", "-32700"}, {`{"id":1`, "-32700"}, {"\x00", "-32700"}, {`{"id":null,"method":"m"}`, "-32600"}, {`"x"`, "-32600"}, {`{"id":7}`, `"id":7,"error":{"code":-32600`},
	} {
		r.send(tc.line)
		if got := r.line(); !strings.Contains(got, tc.code) {
			t.Errorf("%q: %s", tc.line, got)
		}
	}
	r.send("", "  ", "\r", "\t", `{"jsonrpc":"2.0","id":1,"method":"x"}`+"\r")
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Error(got)
	}
}

// A line and an answer of many megabytes.
func TestLargeMessagesPassUnchanged(t *testing.T) {
	text := strings.Repeat("x", 20<<20)
	for _, asEvents := range []bool{false, true} {
		s := &server{on: handlers{
			"x": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				if asEvents {
					events(w, `data: {"id":`+string(id)+`,"result":"`+text+"\"}\n\n")
				} else {
					answer(w, id, `"`+text+`"`)
				}
			},
		}}
		r := newRig(t, s)
		r.send(`{"jsonrpc":"2.0","id":1,"method":"x","params":"` + text + `"}`)
		if got := r.line(); len(got) < len(text) {
			t.Errorf("%d bytes", len(got))
		}
		if len(s.bodies[0]) < len(text) {
			t.Errorf("server got %d bytes", len(s.bodies[0]))
		}
	}
}

// Pretty-printed answers and multi-line events become one line.
func TestEachMessageIsOneLine(t *testing.T) {
	s := &server{on: handlers{
		"a": results("{\r\n  \"a\": \"x\\ny\"\n}"),
		"b": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			events(w, "data: {\"id\":"+string(id)+",\ndata: \"result\":{}}\n\n")
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":1,"method":"a"}`)
	if got := r.line(); !strings.Contains(got, `{  "a": "x\ny"}`) {
		t.Error(got)
	}
	r.send(`{"id":2,"method":"b"}`)
	if got := r.line(); got != `{"id":2,"result":{}}` {
		t.Error(got)
	}
}

// A line of just the size that --max-message allows passes whatever ends it, and one
// more byte does not; the refusal names the request.
func TestLinesAtTheBordersOfTheReadBuffer(t *testing.T) {
	const limit = 200 << 10 // several reads
	begin, end := `{"jsonrpc":"2.0","id":"b","method":"`, `"}`
	for _, lineEnd := range []string{"\n", "\r\n", ""} {
		for over := -1; over <= 2; over++ {
			line := begin + strings.Repeat("m", limit+over-len(begin)-len(end)) + end
			for _, start := range []string{"", "\xef\xbb\xbf"} {
				got, err := newLineReader(strings.NewReader(start+line+lineEnd), limit).next()
				var refused *lineTooLongError
				switch {
				case over <= 0 && (err != nil || string(got) != line):
					t.Errorf("%+d, end %q: %d bytes, %v", over, lineEnd, len(got), err)
				case over > 0 && (!errors.As(err, &refused) || string(refused.id) != `"b"`):
					t.Errorf("%+d, end %q: %d bytes, %v", over, lineEnd, len(got), err)
				}
			}
		}
	}
}
