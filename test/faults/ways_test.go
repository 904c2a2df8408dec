package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The same hostile answers on every other way that an answer may come: on a stream that
// was resumed, on the stream of HTTP+SSE, on the server's own stream, and from a server
// of another revision. None of them is taken for one; the answer that follows is, and
// the list stays filtered. Odd fields of events change nothing.
func TestHostileAnswersOnOtherStreams(t *testing.T) {
	odd := ": comment\n\n\xef\xbb\xbfdata: x\n\nid: a\x00b\nretry: 99999999999999999999\nevent: \ndata\n\nid\n\nevent: message \ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"wrong\":1}}\n\n" +
		"data: \xff\n\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":8,\"result\":{\"tools\":[{\"name\":\"hidden\"}]}}\n\ndata: " + strings.Repeat("[", 20_000) + "\n\ndata: {\"id\":" + strings.Repeat("7", 1_000_000) + ",\"result\":{}}\n\n"
	var all strings.Builder
	all.WriteString(odd)
	for _, text := range hostileAnswers {
		all.WriteString("data: " + fmt.Sprintf(text, "y") + "\r\n\r\n")
	}
	const good = `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"\u2028"}]}}`
	for _, way := range []string{"resumed", "HTTP+SSE", "own stream", "translated"} {
		t.Run(way, func(t *testing.T) {
			s := &ways{way: way, hostile: all.String(), good: "data: " + good + "\n\n", stream: make(chan string, 8), said: make(chan struct{})}
			p := serve(t, s, "--ignore-tool", "hidden")
			p.call("7", "x")
			if got := p.next(); got != good && !strings.Contains(way, "translated") || !strings.Contains(got, `"id":7`) || !strings.Contains(got, `"content"`) {
				t.Errorf("%.200q", got)
			}
			p.write(`{"jsonrpc":"2.0","id":8,"method":"tools/list"}`)
			if got := p.next(); !strings.Contains(got, `"id":8`) || !strings.Contains(got, "shown") || strings.Contains(got, "hidden") {
				t.Errorf("%.200q", got)
			}
		})
	}
}

// ways is a server that sends hostile texts, and then the answer to a call.
type ways struct {
	way, hostile, good string
	stream             chan string   // what HTTP+SSE says
	said               chan struct{} // when the own stream has said the hostile texts
}

func (s *ways) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.get(w, r)
		return
	}
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	result := map[string]string{
		"initialize":      `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"hostile","version":"1"}}`,
		"server/discover": `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}`,
		"tools/list":      `{"tools":[{"name":"hidden","inputSchema":{"type":"object"}},{"name":"shown","inputSchema":{"type":"object"}}]}`,
	}[m.Method]
	text := "data: " + `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + "}\n\n"
	switch {
	case s.way == "HTTP+SSE" && r.URL.Path == "/mcp":
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case m.Method == "server/discover" && s.way != "translated":
		w.WriteHeader(http.StatusBadRequest)
		return
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "tools/call" && s.way == "resumed":
		text = "id: 1\nretry: 1\ndata:\n\n"
	case m.Method == "tools/call" && s.way == "own stream":
		<-s.said
		text = s.good
	case m.Method == "tools/call":
		text = s.hostile + s.good
	}
	if s.way == "HTTP+SSE" {
		w.WriteHeader(http.StatusAccepted)
		s.stream <- text
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
}

func (s *ways) get(w http.ResponseWriter, r *http.Request) {
	resumes := r.Header.Get("Last-Event-ID") != ""
	if s.way == "translated" || s.way == "resumed" && !resumes {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := func(text string) {
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
	}
	switch {
	case resumes:
		flush(s.hostile + s.good)
		return
	case s.way == "own stream":
		flush(s.hostile)
		close(s.said)
		<-r.Context().Done()
		return
	}
	flush("event: endpoint\ndata: /messages\n\n")
	for {
		select {
		case text := <-s.stream:
			flush(text)
		case <-r.Context().Done():
			return
		}
	}
}
