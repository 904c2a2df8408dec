package matrix

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// What the client offers, and answers.
const (
	capabilities = `{"elicitation":{},"sampling":{},"roots":{}}`
	sample       = `{"model":"m","role":"assistant","content":{"type":"text","text":"hello"}}`
	roots        = `{"roots":[{"uri":"file:///r"}]}`
)

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// client speaks one revision on the stdio of a running mcp-login.
type client struct {
	t        *testing.T
	revision string
	in       io.WriteCloser
	lines    chan message
	next     int
	kept     []message // notifications that nobody has looked at
	asked    int       // questions answered
	offers   string    // its capabilities
}

func bridgeCommand(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "mcp-login"), url)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none")
	return cmd
}

func start(t *testing.T, revision, url string) *client {
	t.Helper()
	cmd := bridgeCommand(t, url)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, revision: revision, offers: capabilities, in: in, lines: make(chan message, 1024)}
	go func() {
		defer close(c.lines)
		for reader := bufio.NewReader(out); ; {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				return
			}
			var m message
			if err := json.Unmarshal(line, &m); err != nil {
				t.Errorf("not JSON: %q", line)
			}
			c.lines <- m
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		for range c.lines {
		}
		if err := cmd.Wait(); err != nil {
			t.Error("the bridge ended with", err)
		}
	})
	return c
}

// modern reports whether the client says everything with each request.
func (c *client) modern() bool { return c.revision == "2026-07-28" }

func (c *client) write(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// send sends a request; params is the inside of the object.
func (c *client) send(method, params string) (id string) {
	c.t.Helper()
	c.next++
	id = fmt.Sprint(c.next)
	meta := `"progressToken":` + id
	if c.modern() {
		meta += `,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":` + c.offers
	}
	if params != "" {
		params = "," + params
	}
	c.write(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{"_meta":{` + meta + `}` + params + `}}`)
	return id
}

// read returns the next message that is no question; questions are answered.
func (c *client) read() message {
	c.t.Helper()
	for {
		select {
		case m, ok := <-c.lines:
			if !ok {
				c.t.Fatal("the bridge ended")
			}
			if m.Method == "" || m.ID == nil {
				return m
			}
			if c.modern() {
				c.t.Errorf("a client of 2026-07-28 got a request: %s", m.Method)
			}
			c.answer(m)
		case <-time.After(20 * time.Second):
			c.t.Fatal("nothing comes")
		}
	}
}

func (c *client) answer(m message) {
	result := "{}"
	switch m.Method {
	case "elicitation/create":
		result = `{"action":"accept","content":{"colour":"red"}}`
	case "sampling/createMessage":
		result = sample
	case "roots/list":
		result = roots
	default:
		c.asked--
	}
	c.asked++
	c.write(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`)
}

// wait returns the answer to a request and keeps notifications.
func (c *client) wait(id string) message {
	c.t.Helper()
	for {
		m := c.read()
		switch {
		case m.Method != "":
			c.kept = append(c.kept, m)
		case string(m.ID) == id:
			return m
		default:
			c.t.Fatalf("an answer to %s while %s is waited for", m.ID, id)
		}
	}
}

func (c *client) ask(method, params string) message {
	c.t.Helper()
	return c.wait(c.send(method, params))
}

// must is ask for what has to succeed.
func (c *client) must(method, params string) message {
	c.t.Helper()
	m := c.ask(method, params)
	if m.Error != nil {
		c.t.Fatalf("%s: %s", method, m.Error)
	}
	return m
}

// heard waits for a notification that contains part.
func (c *client) heard(method, part string) {
	c.t.Helper()
	for {
		for i, m := range c.kept {
			if m.Method == method && strings.Contains(string(m.Params), part) {
				c.kept = append(c.kept[:i:i], c.kept[i+1:]...)
				return
			}
		}
		m := c.read()
		if m.Method == "" {
			c.t.Fatalf("an answer to %s while %s is waited for", m.ID, method)
		}
		c.kept = append(c.kept, m)
	}
}
