package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// program is one of the TypeScript SDK's, in test/interop/peers.
func program(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	node := real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/sdk")
	node.Package(t, "@modelcontextprotocol/client")
	cmd := exec.Command(node.Path, append([]string{filepath.Join(filepath.Dir(node.Modules), "peers", name)}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// typeScript runs a server of the TypeScript SDK until the test ends.
func typeScript(t *testing.T, name, file, mode string) *peer {
	t.Helper()
	p := &peer{name: name, cancelled: make(chan struct{}, 1), asks: mode != "stateless", samples: mode != "stateless", changing: mode != "stateless", spaced: true}
	cmd := program(t, file, mode)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("the server does not start")
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the server says no address")
	}
	p.url = lines.Text()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			if lines.Text() == "cancelled" {
				select {
				case p.cancelled <- struct{}{}:
				default:
				}
			}
		}
	}()
	p.changes = func() { _, _ = io.WriteString(in, "change\n") }
	t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		<-ended
		_ = cmd.Wait()
	})
	return p
}

// typeScriptPeers are servers of both versions of the SDK.
func typeScriptPeers(t *testing.T) []*peer {
	t.Helper()
	old := typeScript(t, "TypeScript 1, sessions", "server-v1.mjs", "stateful")
	stateless := typeScript(t, "TypeScript 1, no sessions", "server-v1.mjs", "stateless")
	sse := typeScript(t, "TypeScript 1, HTTP+SSE", "server-v1.mjs", "sse")
	strict := typeScript(t, "TypeScript 2, 2026-07-28", "server-v2.mjs", "strict")
	dual := typeScript(t, "TypeScript 2, all", "server-v2.mjs", "dual")
	for _, p := range []*peer{old, stateless, sse} {
		p.old = true
	}
	dual.noSession = true // towards clients of 2025, whom it can neither ask nor tell anything
	return []*peer{old, stateless, sse, strict, dual}
}

// outcome is what client.mjs saw.
type outcome struct {
	Server   string   `json:"server"`
	Version  string   `json:"version"`
	Tools    []string `json:"tools"`
	Called   string   `json:"called"`
	Progress []int    `json:"progress"`
	Ask      string   `json:"ask"`
	Sample   string   `json:"sample"`
	Roots    string   `json:"roots"`
	Slow     string   `json:"slow"`
	Changes  string   `json:"changes"`
	Again    string   `json:"again"`
}

// drive runs a client of the TypeScript SDK through the bridge.
func drive(t *testing.T, mode string, p *peer) (o outcome, said string, err error) {
	t.Helper()
	cmd := program(t, "client.mjs", mode, binary.Build(t, "mcp-login"), p.url)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none")
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, pipeErr := cmd.StdoutPipe()
	if pipeErr != nil || cmd.Start() != nil {
		t.Fatal("the client does not start")
	}
	kill := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if last = lines.Text(); last == "listening" && p.changes != nil {
			p.changes()
		}
	}
	if err := cmd.Wait(); err != nil {
		return o, failure.String(), err
	}
	if err := json.Unmarshal([]byte(last), &o); err != nil {
		t.Fatalf("%q: %v", last, err)
	}
	return o, failure.String(), nil
}

// The clients of the TypeScript SDK, versions 1 and 2, with the server
// of every revision and library. The one that is pinned to 2026-07-28 gives up
// on servers without it by itself, and says so.
func TestTypeScriptClients(t *testing.T) {
	for _, p := range append(peers(t), typeScriptPeers(t)...) {
		for _, mode := range []string{"v1", "legacy", "auto", "modern"} {
			t.Run(mode+" to "+p.name, func(t *testing.T) {
				o, said, err := drive(t, mode, p)
				if mode == "modern" && err != nil {
					if !strings.Contains(said, "2026-07-28") || p.name == "2026-07-28" || strings.HasPrefix(p.name, "TypeScript 2") {
						t.Fatalf("%v: %s", err, said)
					}
					return
				}
				if err != nil {
					t.Fatalf("%v: %s", err, said)
				}
				o.check(t, p, mode)
			})
		}
	}
}

func (o outcome) check(t *testing.T, p *peer, mode string) {
	t.Helper()
	asked := p.asks && (!p.noSession || mode == "auto" || mode == "modern")
	for _, c := range []struct {
		what, got, want string
		skip            bool
	}{
		{"server", o.Server, "peer", false},
		{"called", o.Called, "done", false},
		{"again", o.Again, "done", false},
		{"progress", fmt.Sprint(o.Progress), "[0 1 2]", !p.spaced},
		{"ask", o.Ask, "accept red", !asked},
		{"sample", o.Sample, "m hello", !asked || !p.samples},
		{"roots", o.Roots, "file:///r", !asked || !p.samples},
		{"changes", o.Changes, "", !asked || !p.changing},
	} {
		if c.got != c.want && !c.skip {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if !slices.Contains(o.Tools, "slow") {
		return
	}
	if !strings.HasPrefix(o.Slow, "error") {
		t.Errorf("a cancelled call: %q", o.Slow)
	}
	select {
	case <-p.cancelled:
	case <-time.After(20 * time.Second):
		t.Error("the server did not hear of the cancel")
	}
}

// A server of both eras made with version 2 of the SDK lists only 2026-07-28 and is
// used in the client's era all the same; one that refuses sessions is not.
func TestTypeScriptBothEras(t *testing.T) {
	for mode, translated := range map[string]bool{"dual": false, "strict": true} {
		p := typeScript(t, mode, "server-v2.mjs", mode)
		for _, revision := range revisions {
			if revision == "2026-07-28" {
				continue
			}
			c := start(t, revision, p.url)
			c.begin()
			m := c.must("tools/call", `"name":"progress","arguments":{}`)
			if got := strings.Contains(string(m.Result), "resultType"); got != translated {
				t.Errorf("%s at %s: %s", revision, mode, m.Result)
			}
		}
	}
}

// server-everything, the reference server of the protocol's authors, over both
// of its transports, with a client of each version of the SDK.
func TestServerEverything(t *testing.T) {
	for transport, path := range map[string]string{"streamableHttp": "/mcp", "sse": "/sse"} {
		node := real.NodeModules(t)
		dir := node.Package(t, "@modelcontextprotocol/server-everything")
		port := strconv.Itoa(real.FreePort(t))
		cmd := exec.Command(node.Path, filepath.Join(dir, "dist", "index.js"), transport)
		cmd.Env = append(os.Environ(), "PORT="+port)
		said, err := cmd.StderrPipe()
		if err != nil || cmd.Start() != nil {
			t.Fatal("the server does not start")
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		lines := bufio.NewScanner(said)
		for lines.Scan() && !strings.Contains(lines.Text(), port) {
		}
		go func() { _, _ = io.Copy(io.Discard, said) }()
		for _, revision := range revisions {
			t.Run(revision+" to "+transport, func(t *testing.T) { everything(t, revision, "http://127.0.0.1:"+port+path) })
		}
	}
}

func everything(t *testing.T, revision, url string) {
	c := start(t, revision, url)
	c.offers = "{}" // it asks for roots at once, and nobody is to be asked here
	c.begin()
	list := c.must("tools/list", "")
	for _, tool := range []string{`"echo"`, `"get-sum"`} {
		if !strings.Contains(string(list.Result), tool) {
			t.Errorf("no tool %s in %.300s", tool, list.Result)
		}
	}
	if m := c.must("tools/call", `"name":"echo","arguments":{"message":"é\u0000"}`); !strings.Contains(string(m.Result), "Echo: é") {
		t.Errorf("%s", m.Result)
	}
	if m := c.must("resources/list", ""); !strings.Contains(string(m.Result), "resources") {
		t.Errorf("%s", m.Result)
	}
	if m := c.must("tools/call", `"name":"trigger-long-running-operation","arguments":{"duration":1,"steps":4}`); !strings.Contains(string(m.Result), "completed") {
		t.Errorf("%s", m.Result)
	}
	n := 0
	for _, k := range c.kept {
		if k.Method == "notifications/progress" {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d notifications of progress before the answer", n)
	}
}
