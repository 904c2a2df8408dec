package interop

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
)

// geminiSettings are a person's own: another login than the program's usual one,
// and nothing sent to its makers. The entry is written between them.
const geminiSettings = `{
  // mine
  "security": {"auth": {"selectedType": "vertex-ai"}},
  "privacy": {"usageStatisticsEnabled": false},
  "general": {"enableAutoUpdate": false}
}
`

// host is a program with a model, which is played, as somebody installs it. It runs
// with its telemetry and its updates switched off.
type host struct {
	client, pkg string // for mcp-login config, and of npm
	// ready writes the person's own settings, those of the model among them, and
	// returns the command line of one question.
	ready func(d *desk, m *model) []string
	// connected is what it says then; if it is empty the model's thanks are awaited.
	connected string
	// waits is longer than a host that never asks for the list of tools again would
	// wait for a server, if its entry did not tell it to.
	waits time.Duration
	// heavy is a host that keeps one core busy for ten seconds when it starts, and
	// therefore is started once less.
	heavy bool
}

const question = "Who am I?"

// agents are hosts that run on every system.
var agents = map[string]host{
	"gemini": {client: "gemini", pkg: "@google/gemini-cli", ready: func(d *desk, m *model) []string {
		d.write(".gemini/settings.json", geminiSettings)
		d.env = append(d.env, "GEMINI_CLI_TRUST_WORKSPACE=true", // else it starts no server in a new folder
			"GOOGLE_GENAI_USE_VERTEXAI=true", "GOOGLE_API_KEY=none", "GOOGLE_VERTEX_BASE_URL="+m.url)
		return append([]string{d.node.Path}, d.npm("gemini", "--yolo", "-m", "gemini-2.5-flash", "-o", "json", "-p", question)...)
	}},
	"continue": {client: "continue", pkg: "@continuedev/cli", ready: func(d *desk, m *model) []string {
		d.write(".continue/config.yaml", fmt.Sprintf(continueSettings, m.url))
		d.env = append(d.env, "CONTINUE_API_BASE=http://127.0.0.1:9/", "CONTINUE_TELEMETRY_ENABLED=0")
		return append([]string{d.node.Path}, d.npm("cn", "--auto", "-p", question)...)
	}},
}

// continueSettings name the played model.
const continueSettings = `name: mine
version: 1.0.0
schema: v1
models:
  - name: played
    provider: openai
    model: played
    apiBase: %s/v1
    apiKey: none
    roles: [chat]
    capabilities: [tool_use]
`

// Real clients: whole hosts, with only their model played. They start
// the entry from their own settings, JSON here and a list in YAML there, offer
// the tool to the model, call it, and hand on what the server says about alice.
func TestAgentsFromWrittenConfig(t *testing.T) {
	for name, h := range agents {
		for login, home := range map[string]func(*testing.T) *desk{"kept": newDesk, "first": emptyDesk} {
			t.Run(name+"/"+login, func(t *testing.T) {
				d, m := home(t), playModel(t)
				d.node.Package(t, h.pkg)
				ask := h.ready(d, m)
				d.config(h.client)
				want(t, d.run(ask[0], ask[1:]...), "thank you")
				want(t, m.got(), "alice@example.test")
			})
		}
	}
}

// codexSettings name a model that is never asked.
const codexSettings = `# mine
model = "none"
model_provider = "none"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.none]
name = "none"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
`

// Real clients: Codex, driven over the interface that its editors use.
// It starts the entry from its config.toml, by the bare name on the PATH.
func TestCodexFromWrittenConfig(t *testing.T) {
	for login, home := range map[string]func(*testing.T) *desk{"kept": newDesk, "first": emptyDesk} {
		t.Run(login, func(t *testing.T) { codexCalls(home(t)) })
	}
}

func codexCalls(d *desk) {
	t := d.t
	d.node.Package(t, "@openai/codex")
	d.write(".codex/config.toml", codexSettings)
	file := d.config("codex")
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), codexSettings) || !strings.Contains(string(text), `command = "mcp-login"`) {
		t.Fatalf("%v: %s", err, text)
	}
	c := d.codex()
	c.call("initialize", `{"clientInfo":{"name":"interop","title":"interop","version":"1"}}`)
	fmt.Fprintln(c.in, `{"method":"initialized"}`)
	want(t, c.call("mcpServerStatus/list", `{}`), `"name":"remote"`, `"whoami":{"name":"whoami"`)
	var started struct{ Thread struct{ ID string } }
	if err := json.Unmarshal([]byte(c.call("thread/start", `{}`)), &started); err != nil {
		t.Fatal(err)
	}
	call := fmt.Sprintf(`{"threadId":%q,"server":"remote","tool":"whoami","arguments":{}}`, started.Thread.ID)
	want(t, c.call("mcpServer/tool/call", call), "alice@example.test")
}

// codex is a running Codex app server.
type codex struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Reader
	kill func()
	next int
}

func (d *desk) codex() *codex {
	d.t.Helper()
	cmd := exec.Command(d.node.Path, d.npm("codex", "app-server")...)
	cmd.Env, cmd.Dir = d.env, d.home
	said := &program{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	d.t.Cleanup(func() {
		_ = in.Close() // it ends then, and its servers with it
		timer := time.AfterFunc(15*time.Second, kill)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("codex ended with %v", err)
		}
		timer.Stop()
		if d.t.Failed() {
			d.t.Logf("codex said:\n%s", said.String())
		}
	})
	return &codex{t: d.t, in: in, out: bufio.NewReader(out), kill: kill}
}

// call sends one request and returns the text of its result.
func (c *codex) call(method, params string) string {
	c.t.Helper()
	c.next++
	timer := time.AfterFunc(60*time.Second, c.kill) // the read below then ends
	defer timer.Stop()
	fmt.Fprintf(c.in, `{"id":%d,"method":%q,"params":%s}`+"\n", c.next, method, params)
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			c.t.Fatalf("no answer to %s: %v", method, err)
		}
		var m struct {
			ID            any
			Method        string
			Result, Error json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			c.t.Fatalf("not JSON: %q", line)
		}
		if m.ID != float64(c.next) || m.Method != "" {
			continue // a notification or question
		}
		if m.Error != nil {
			c.t.Fatalf("%s: %s", method, m.Error)
		}
		return string(m.Result)
	}
}

// write makes a file of this home.
func (d *desk) write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.home, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}
