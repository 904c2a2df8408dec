package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// flood is how many calls are under way at once: more than the relay sends, so that
// some wait in it.
const flood = 2000

// holder is a server that answers no call with the argument "hold" before free is
// closed, and says what it hears of everything else. Each call with "ask" gets a
// question first, and is answered with the client's answer.
type holder struct {
	free  chan struct{}
	heard chan string // methods of notifications and pings, ids of answers

	mu    sync.Mutex
	calls map[string]bool // ids that reached it
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ Name string }
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	result := `{"content":[]}`
	switch {
	case m.Method == "initialize":
		result = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"holder","version":"1"}}`
	case m.Method == "":
		w.WriteHeader(http.StatusAccepted)
		h.heard <- "answer " + string(m.ID)
		return
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
		if m.Method == "notifications/cancelled" {
			h.heard <- m.Method
		}
		return
	case m.Method == "ping":
		h.heard <- "ping"
		result = "{}"
	case m.Params.Name == "ask":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":\"q%s\",\"method\":\"elicitation/create\",\"params\":{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}}}\n\n", m.ID)
		_ = http.NewResponseController(w).Flush()
		h.hold(r)
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", m.ID, result)
		return
	case m.Params.Name == "hold":
		h.mu.Lock()
		h.calls[string(m.ID)] = true
		h.mu.Unlock()
		h.hold(r)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

func (h *holder) hold(r *http.Request) {
	select {
	case <-h.free:
	case <-r.Context().Done():
	}
}

func (h *holder) reached(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[id]
}

// pipe is a client that leaves everything to the test.
type pipe struct {
	t     testing.TB
	in    io.WriteCloser
	lines chan string
}

func connect(t testing.TB) (*pipe, *holder) {
	t.Helper()
	h := &holder{free: make(chan struct{}), heard: make(chan string, 16), calls: map[string]bool{}}
	return serve(t, h), h
}

// serve starts a server and the program in front of it, and opens a session.
func serve(t testing.TB, h http.Handler, flags ...string) *pipe {
	t.Helper()
	srv := httptest.NewServer(h)
	cmd := exec.Command(binary.Build(t, "mcp-login"), append(flags, srv.URL+"/mcp")...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &pipe{t: t, in: in, lines: make(chan string, 2*flood)}
	go func() {
		defer close(p.lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			p.lines <- strings.TrimSpace(line)
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		done := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		for range p.lines {
			continue
		}
		if err := cmd.Wait(); err != nil || !done.Stop() {
			t.Error("the bridge did not end by itself:", err)
		}
		srv.CloseClientConnections()
		srv.Close()
	})
	p.write(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`)
	p.hear(`"id":"i","result"`)
	p.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p
}

// patience is how long a step may take on a slow machine. Where one thing waits for
// the other, it is never done.
const patience = time.Minute

func (p *pipe) write(line string) {
	p.t.Helper()
	done := make(chan error, 1)
	go func() { _, err := io.WriteString(p.in, line+"\n"); done <- err }()
	select {
	case err := <-done:
		if err != nil {
			p.t.Fatal(err)
		}
	case <-time.After(patience):
		p.t.Fatalf("the bridge does not read: %.100s", line)
	}
}

// hear passes over what comes until a line that has a text in it.
func (p *pipe) hear(text string) string {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the bridge ended without %s", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-limit:
			p.t.Fatalf("no %s came", text)
		}
	}
}

// told waits for something that the server hears.
func (p *pipe) told(h *holder, what string) {
	p.t.Helper()
	select {
	case got := <-h.heard:
		if got != what {
			p.t.Fatalf("the server heard %s, not %s", got, what)
		}
	case <-time.After(patience):
		p.t.Fatalf("the server did not hear %s", what)
	}
}

func (p *pipe) call(id, name string) {
	p.write(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + name + `"}}`)
}

func (p *pipe) cancel(id string) {
	p.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
}

// preempt answers the question of a call, cancels the call, and pings. It returns how
// long the answer and the cancel took to the server.
func (p *pipe) preempt(h *holder, id string) (answer, cancel time.Duration) {
	begun := time.Now()
	p.write(`{"jsonrpc":"2.0","id":"q` + id + `","result":{"action":"accept","content":{}}}`)
	p.told(h, `answer "q`+id+`"`)
	answer, begun = time.Since(begun), time.Now()
	p.cancel(id)
	p.told(h, "notifications/cancelled")
	cancel = time.Since(begun)
	p.write(`{"jsonrpc":"2.0","id":"p` + id + `","method":"ping"}`)
	p.told(h, "ping")
	p.hear(`"id":"p` + id + `","result"`)
	return answer, cancel
}

// While a server holds 2,000 calls, more than are sent at once, it hears the answer to
// its question, a cancel and a ping, and answers none of the calls before it has.
func TestCallsHoldUpNoAnswerAndNoCancel(t *testing.T) {
	p, h := connect(t)
	p.call("1", "ask")
	p.hear(`"id":"q1"`)
	p.call("2", "ask")
	p.hear(`"id":"q2"`)
	idleAnswer, idleCancel := p.preempt(h, "1")
	for i := range flood {
		p.call(fmt.Sprint(1000+i), "hold")
	}
	loadedAnswer, loadedCancel := p.preempt(h, "2")
	last := fmt.Sprint(1000 + flood - 1)
	p.cancel(last) // it waits in the bridge
	p.write(`{"jsonrpc":"2.0","id":"after","method":"ping"}`)
	p.hear(`"id":"after"`)
	close(h.free)
	answered := map[string]int{}
	for range flood - 1 {
		answered[p.hear(`"result"`)]++
	}
	for line, times := range answered {
		if times != 1 || strings.Contains(line, `"id":`+last+`,`) {
			t.Errorf("%d times %s", times, line)
		}
	}
	if h.reached(last) {
		t.Error("a request that was cancelled while it waited was sent")
	}
	t.Logf("an answer to a question: idle %v, with %d calls under way %v, %.1f times; a cancel: %v, %v, %.1f times",
		idleAnswer, flood, loadedAnswer, float64(loadedAnswer)/float64(idleAnswer), idleCancel, loadedCancel, float64(loadedCancel)/float64(idleCancel))
}

// BenchmarkPreemption compares in one run how long an answer to an elicitation and a
// cancel take to the server, through an idle relay and through the same one with
// 2,000 calls under way.
func BenchmarkPreemption(b *testing.B) {
	p, h := connect(b)
	for i := range 2 * b.N {
		id := fmt.Sprint(i)
		p.call(id, "ask")
		p.hear(`"id":"q` + id + `"`)
	}
	var answers, cancels [2]time.Duration // idle, and under load
	for i := range 2 * b.N {
		if i == b.N {
			for n := range flood {
				p.call(fmt.Sprint(1_000_000+n), "hold")
			}
		}
		answer, cancel := p.preempt(h, fmt.Sprint(i))
		answers[i/b.N] += answer
		cancels[i/b.N] += cancel
	}
	close(h.free)
	b.ReportMetric(answers[1].Seconds()/answers[0].Seconds(), "answer:loaded/idle")
	b.ReportMetric(cancels[1].Seconds()/cancels[0].Seconds(), "cancel:loaded/idle")
}
