package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// client is a local client of a running mcp-login. It keeps a book of what it
// asked and what came.
type client struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	stop sync.Once
	done chan struct{} // closed when stdout has ended

	mu       sync.Mutex
	open     map[string]chan message // asked, not answered
	answered map[string]int
	progress map[string]int // of each request, in order
	errors   map[int]int    // by code
	failed   map[string]bool
	wrong    []string
	pause    *sync.Mutex // held while the client does not read
}

func start(t *testing.T, url string, flags ...string) *client {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "mcp-login"), append(flags, url)...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &client{
		t: t, cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<20), done: make(chan struct{}), open: map[string]chan message{},
		answered: map[string]int{}, progress: map[string]int{}, errors: map[int]int{}, failed: map[string]bool{}, pause: &sync.Mutex{},
	}
	go c.read()
	t.Cleanup(c.end)
	if m := c.ask("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`); m.Error != nil {
		t.Fatalf("initialize: %+v", m.Error)
	}
	c.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

// end closes stdin and expects the process to end by itself, with 0.
func (c *client) end() {
	c.stop.Do(func() {
		_ = c.in.Close()
		select {
		case <-c.done:
		case <-time.After(20 * time.Second):
			c.t.Error("the bridge did not end")
			_ = c.cmd.Process.Kill()
			<-c.done
		}
		if err := c.cmd.Wait(); err != nil {
			c.t.Error("the bridge ended with", err)
		}
	})
}

func (c *client) write(line string) {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Error("write to the bridge:", err)
	}
}

var ids struct {
	sync.Mutex
	n int
}

// send sends a request; its answer comes over the channel.
func (c *client) send(method, params string) (id string, answer <-chan message) {
	ids.Lock()
	ids.n++
	id = strconv.Itoa(ids.n)
	ids.Unlock()
	ch := make(chan message, 1)
	c.mu.Lock()
	c.open[id] = ch
	c.mu.Unlock()
	c.write(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`)
	return id, ch
}

func (c *client) call(kind string, n int) (string, <-chan message) {
	return c.send("tools/call", fmt.Sprintf(`{"name":"t","arguments":{"kind":%q,"n":%d}}`, kind, n))
}

// ask sends a request and waits for its answer.
func (c *client) ask(method, params string) message {
	c.t.Helper()
	id, answer := c.send(method, params)
	return c.wait(id, answer)
}

func (c *client) wait(id string, answer <-chan message) message {
	c.t.Helper()
	select {
	case m := <-answer:
		return m
	case <-c.done:
	case <-time.After(60 * time.Second):
	}
	c.t.Fatalf("request %s was not answered", id)
	return message{}
}

// gate lets pass unless the client pauses.
func (c *client) gate() {
	c.pause.Lock()
	defer c.pause.Unlock()
}

// read enters everything into the book.
func (c *client) read() {
	defer close(c.done)
	for {
		c.gate()
		line, err := c.out.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				c.note("half a line: %.80q", line)
			}
			return
		}
		c.enter(line)
	}
}

func (c *client) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *client) enter(line []byte) {
	var m message
	if len(line) > 1<<20 { // decoding it is not what is tested
		head, _, _ := bytes.Cut(line[:200], []byte(`,"result"`))
		line = append(head, '}')
	}
	if err := json.Unmarshal(line, &m); err != nil {
		c.note("not JSON: %.80q", line)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Method != "" {
		var p struct {
			Params struct {
				Token    json.RawMessage `json:"progressToken"`
				Progress int             `json:"progress"`
			} `json:"params"`
		}
		_ = json.Unmarshal(line, &p)
		id := string(p.Params.Token)
		if p.Params.Progress != c.progress[id] || c.answered[id] > 0 {
			c.wrong = append(c.wrong, fmt.Sprintf("progress %d of %s after %d, answered %d", p.Params.Progress, id, c.progress[id], c.answered[id]))
		}
		c.progress[id]++
		return
	}
	id := string(m.ID)
	if c.answered[id]++; c.answered[id] > 1 {
		c.wrong = append(c.wrong, "answered twice: "+id)
		return
	}
	if m.Error != nil {
		c.errors[m.Error.Code]++
		c.failed[id] = true
	}
	if ch := c.open[id]; ch != nil {
		delete(c.open, id)
		ch <- m
	} else {
		c.wrong = append(c.wrong, "answered without being asked: "+id)
	}
}

// underWay adds what is asked and not answered to all.
func (c *client) underWay(all map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.open {
		all[id] = true
	}
}

// balance reports what is wrong in the book.
func (c *client) balance() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) > 0 {
		c.t.Errorf("%d entries are wrong, the first: %s", len(c.wrong), c.wrong[0])
	}
	if len(c.open) > 0 {
		c.t.Errorf("%d requests have no answer", len(c.open))
	}
}

// peak is the most memory the process has had, in bytes; 0 where that is not
// known.
func (c *client) peak() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kb << 10
		}
	}
	return 0
}
