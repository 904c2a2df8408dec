package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hostileAnswers are what a server sends as its answer to the call 7, while a
// tools/list with the id 8 waits: none of it is one. %s is where it gets large.
var hostileAnswers = map[string]string{
	"another id":                      `{"jsonrpc":"2.0","id":99,"result":{"x":"%s"}}`,
	"another id behind the result":    `{"jsonrpc":"2.0","result":{"x":"%s"},"id":99}`,
	"the id of a list that waits":     `{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}],"x":"%s"}}`,
	"that id behind the result":       `{"jsonrpc":"2.0","result":{"tools":[{"name":"hidden"}],"x":"%s"},"id":8}`,
	"that id after ours":              `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"}],"x":"%s"},"id":8}`,
	"that id before ours":             `{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}],"x":"%s"},"id":7}`,
	"that id in capitals":             `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"}],"x":"%s"},"ID":8}`,
	"that id with an escape":          `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"hidden"}],"x":"%s"},"\u0069d":8}`,
	"a method beside the result":      `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"},"method":"sampling/createMessage"}`,
	"a method before the result":      `{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","result":{"x":"%s"}}`,
	"a method that is no text":        `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"},"method":[]}`,
	"two answers to one id":           `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}}{"jsonrpc":"2.0","id":7,"result":{}}`,
	"an answer to the list behind it": `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}} {"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}]}}`,
	"trailing bytes":                  `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}}]`,
	"two results":                     `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"},"result":{}}`,
	"two versions":                    `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"},"jsonrpc":"1.0"}`,
	"an error, twice":                 `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"%s"},"error":{}}`,
	"a list in a list":                `[[{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}],"x":"%s"}},{"jsonrpc":"2.0","id":7,"result":{}}]]`,
	"a list of another id":            `[{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"}],"x":"%s"}}]`,
	"an empty list":                   `[ %.0s]`,
	"not finished":                    `{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}`,
	"no answer":                       `{"jsonrpc":"2.0","id":7,"x":"%s"}`,
}

// framings are the ways to send an answer.
var framings = map[string]func(w http.ResponseWriter, text string){
	"JSON": func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = io.WriteString(w, text)
	},
	"JSON of unknown length": func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, text)
	},
	"events": func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: "+text+"\n\n")
	},
}

// A call gets the answer that came for it, whole, or an error with its id, whatever
// the server sends. Nothing that it sends in place of an answer is taken for one, and
// least of all for that of a list of tools, which the client sees filtered.
func TestHostileAnswersAreNotTaken(t *testing.T) {
	for _, size := range []int{10, 6 << 20} {
		padding := strings.Repeat("y", size)
		for framing, send := range framings {
			t.Run(fmt.Sprintf("%s, %d bytes", framing, size), func(t *testing.T) {
				s := &hostileServer{send: send, text: make(chan string, 1), list: make(chan struct{}), answer: make(chan struct{})}
				p := serve(t, s, "--ignore-tool", "hidden")
				p.write(`{"jsonrpc":"2.0","id":8,"method":"tools/list"}`)
				select {
				case <-s.list:
				case <-time.After(patience):
					t.Fatal("the list was not asked for")
				}
				for name, text := range hostileAnswers {
					s.text <- fmt.Sprintf(text, padding)
					p.call("7", "x")
					p.judge(name)
				}
				for _, good := range []string{`{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}}`, `{"result":{"x":"%s"},"jsonrpc":"2.0","id":7}`, `[{"jsonrpc":"2.0","id":8,"result":{}},{"jsonrpc":"2.0","id":7,"result":{"x":"%s"}}]`} {
					s.text <- fmt.Sprintf(good, padding)
					p.call("7", "x")
					if got := p.next(); !json.Valid([]byte(got)) || !strings.Contains(got, `"id":7`) || !strings.Contains(got, `"result":{"x":"y`) {
						t.Errorf("%.60q became %d bytes, %.200q", good, len(got), got)
					}
				}
				close(s.answer)
				if got := p.next(); got != `{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"shown"}]}}` {
					t.Errorf("the list is %.200q", got)
				}
			})
		}
	}
}

// judge takes what the client gets for the call 7: an error, perhaps behind a line that
// nobody can read.
func (p *pipe) judge(name string) {
	p.t.Helper()
	for range 2 {
		line := p.next()
		var m struct {
			ID    json.RawMessage
			Error struct {
				Code int
				Data struct{ Source string }
			}
		}
		if json.Unmarshal([]byte(line), &m) != nil {
			continue
		}
		if string(m.ID) != "7" || m.Error.Code == 0 || m.Error.Data.Source != "mcp-login" {
			p.t.Errorf("%s: the client got %d bytes, %.200q", name, len(line), line)
		}
		return
	}
	p.t.Errorf("%s: two lines that nobody can read", name)
}

// next is the next line.
func (p *pipe) next() string { return p.hear("") }

// hostileServer answers a call with the text that it is given, and tools/list when it
// is told to. On its own stream it sends an answer that nobody asked for there.
type hostileServer struct {
	send         func(w http.ResponseWriter, text string)
	text         chan string
	list, answer chan struct{}
}

func (s *hostileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{\"tools\":[{\"name\":\"hidden\"}]}}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	switch m.Method {
	case "initialize":
		framings["JSON"](w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"hostile","version":"1"}}}`)
	case "tools/list":
		close(s.list)
		select {
		case <-s.answer:
		case <-r.Context().Done():
		}
		framings["JSON"](w, `{"jsonrpc":"2.0","id":8,"result":{"tools":[{"name":"hidden"},{"name":"shown"}]}}`)
	case "tools/call":
		s.send(w, <-s.text)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}
