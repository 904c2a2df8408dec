package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// statelessServer answers requests of 2026-07-28 and keeps what came.
type statelessServer struct {
	mu      sync.Mutex
	headers []http.Header
	ids     []string
	answer  func(w http.ResponseWriter, method string, nth int, id json.RawMessage)
	counts  map[string]int
}

func (s *statelessServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	_ = json.Unmarshal(body, &m)
	s.mu.Lock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.headers = append(s.headers, r.Header.Clone())
	s.ids = append(s.ids, m.Method+" "+string(m.ID))
	s.counts[m.Method]++
	nth := s.counts[m.Method]
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	s.answer(w, m.Method, nth, m.ID)
}

func (s *statelessServer) upstream(t *testing.T) *Upstream {
	t.Helper()
	return overHTTP(t, Auto, s)
}

func statelessRequest(id, method, params string) []byte {
	return []byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}` + params + `}}`)
}

const (
	goodTool = `{ "name":"good", "inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}} ,"n":1.0}`
	badTool  = `{"name":"bad","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}}`
)

func toolsAnswer(id json.RawMessage, tools string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s],"x":1e0}}`, id, tools)
}

// A tool with an invalid header is left out of the list; not a byte of the rest changes.
func TestInvalidToolIsLeftOut(t *testing.T) {
	s := &statelessServer{answer: func(w http.ResponseWriter, _ string, _ int, id json.RawMessage) {
		_, _ = io.WriteString(w, toolsAnswer(id, badTool+","+goodTool))
	}}
	answer, err := call(t, s.upstream(t), statelessRequest("1.0", "tools/list", ""))
	if err != nil {
		t.Fatal(err)
	}
	if want := toolsAnswer(json.RawMessage("1.0"), goodTool); string(answer.Raw) != want {
		t.Errorf("%s\nwant %s", answer.Raw, want)
	}
}

// A client that lists no tools still gets its headers sent, and the
// list is asked for once.
func TestToolsAreListedForTheClient(t *testing.T) {
	s := &statelessServer{answer: func(w http.ResponseWriter, method string, _ int, id json.RawMessage) {
		if method == "tools/list" {
			_, _ = io.WriteString(w, toolsAnswer(id, goodTool))
			return
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	}}
	u := s.upstream(t)
	for _, name := range []string{"good", "other", "good"} {
		if _, err := call(t, u, statelessRequest("1", "tools/call", `,"name":"`+name+`","arguments":{"a":"é"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if s.counts["tools/list"] != 1 || s.counts["tools/call"] != 3 {
		t.Fatal(s.counts)
	}
	for i, want := range []string{"", "=?base64?w6k=?=", "", "=?base64?w6k=?="} {
		if got := s.headers[i].Get("Mcp-Param-A"); got != want {
			t.Errorf("%s: %q", s.ids[i], got)
		}
	}
}

// A call whose headers are refused is sent once more, with headers made from a fresh list; a
// second refusal is the answer.
func TestHeaderMismatchIsRetriedOnce(t *testing.T) {
	for _, mended := range []bool{true, false} {
		s := &statelessServer{answer: func(w http.ResponseWriter, method string, nth int, id json.RawMessage) {
			switch {
			case method == "tools/list" && nth == 1:
				_, _ = io.WriteString(w, toolsAnswer(id, `{"name":"good","inputSchema":{}}`))
			case method == "tools/list":
				_, _ = io.WriteString(w, toolsAnswer(id, goodTool))
			case nth == 1 || !mended:
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32020,"message":"header"}}`, id)
			default:
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
			}
		}}
		u := s.upstream(t)
		if _, err := call(t, u, statelessRequest("0", "tools/list", "")); err != nil {
			t.Fatal(err)
		}
		answer, err := call(t, u, statelessRequest("7", "tools/call", `,"name":"good","arguments":{"a":"x"}`))
		if err != nil || string(answer.ID) != "7" || (answer.Result != nil) != mended {
			t.Errorf("mended %v: %s %v", mended, answer.Raw, err)
		}
		if s.counts["tools/call"] != 2 || s.counts["tools/list"] != 2 || s.headers[3].Get("Mcp-Param-A") != "x" {
			t.Errorf("mended %v: %v", mended, s.ids)
		}
	}
}

// A request that only reads is sent again under a new id when its stream breaks, and answered
// under the old one; a call is not, because it may have run.
func TestOnlyReadsAreRepeatedWhenAStatelessStreamBreaks(t *testing.T) {
	s := &statelessServer{answer: func(w http.ResponseWriter, method string, nth int, id json.RawMessage) {
		switch {
		case nth == 1:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "id: 7\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case method == "tools/list":
			_, _ = io.WriteString(w, toolsAnswer(id, ""))
		default:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
		}
	}}
	u := s.upstream(t)
	answer, err := call(t, u, statelessRequest("1", "tools/list", ""))
	if err != nil || string(answer.ID) != "1" || answer.Result == nil {
		t.Fatalf("%s %v", answer.Raw, err)
	}
	if len(s.ids) != 2 || s.ids[0] == s.ids[1] {
		t.Errorf("asked as %v", s.ids)
	}
	_, err = call(t, u, statelessRequest("2", "tools/call", `,"name":"x"`))
	if reasonOf(err) != Interrupted || s.counts["tools/call"] != 1 {
		t.Errorf("%v after %v", err, s.ids)
	}
}

// A probe returns the status and the answer if there is one, and sends nothing else.
func TestProbeTellsAnswerFromRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		kind, body  string
		answered    bool
		errorStatus int
		wantCode    string
	}{
		"result":     {200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`, true, 0, ""},
		"stream":     {200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", true, 0, ""},
		"refused":    {400, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"m"}}`, true, 0, "-32022"},
		"no body":    {404, "text/plain", "no", false, 404, ""},
		"busy":       {503, "text/plain", "no", false, 503, ""},
		"not JSON":   {200, "text/html", "<p>", false, 200, ""},
		"empty done": {202, "", "", false, 202, ""},
	} {
		s := &statelessServer{answer: func(w http.ResponseWriter, _ string, _ int, _ json.RawMessage) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}}
		m := jsonrpc.Built(statelessRequest("1", "server/discover", ""))
		status, answer, err := s.upstream(t).Probe(t.Context(), m)
		var e *Error
		switch {
		case status != c.status || (answer.Raw != nil) != c.answered || string(jsonrpc.Member(answer.Error, "code")) != c.wantCode:
			t.Errorf("%s: %d %s %v", name, status, answer.Raw, err)
		case !c.answered && (!errors.As(err, &e) || e.Status != c.errorStatus):
			t.Errorf("%s: %v", name, err)
		case len(s.ids) != 1:
			t.Errorf("%s: asked %v", name, s.ids)
		}
	}
}
