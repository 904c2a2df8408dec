package interop

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// terminals are hosts of which npm has a program for Linux, and others that need to
// be kept from their makers.
var terminals = map[string]host{
	"claude-code": {client: "claude-code", pkg: "@anthropic-ai/claude-code-linux-x64", ready: func(d *desk, m *model) []string {
		d.env = append(d.env, "ANTHROPIC_BASE_URL="+m.url, "ANTHROPIC_API_KEY=none", "ANTHROPIC_MODEL=claude-sonnet-4-5", "ENABLE_TOOL_SEARCH=false",
			"MCP_CONNECTION_NONBLOCKING=0", "MCP_CONNECT_TIMEOUT_MS=60000", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_TELEMETRY=1", "DISABLE_AUTOUPDATER=1", "DISABLE_ERROR_REPORTING=1")
		return []string{d.module("@anthropic-ai/claude-code-linux-x64/claude"), "-p", question, "--output-format", "json", "--allowedTools", "mcp__remote"}
	}},
	"opencode": {client: "opencode", pkg: "opencode-linux-x64", ready: func(d *desk, m *model) []string {
		d.write(".config/opencode/opencode.json", fmt.Sprintf(opencodeSettings, m.url))
		d.env = append(d.env, "OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_LSP_DOWNLOAD=1", "OPENCODE_DISABLE_DEFAULT_PLUGINS=1")
		return []string{d.module("opencode-linux-x64/bin/opencode"), "run", "--model", "played/played", question}
	}},
	"kilo": {client: "kilo", pkg: "@kilocode/cli-linux-x64", ready: func(d *desk, m *model) []string {
		d.write(".config/kilo/kilo.json", fmt.Sprintf(opencodeSettings, m.url))
		d.env = append(d.env, "KILO_DISABLE_AUTOUPDATE=1", "KILO_DISABLE_MODELS_FETCH=1", "KILO_DISABLE_LSP_DOWNLOAD=1", "KILO_DISABLE_DEFAULT_PLUGINS=1", "KILO_TELEMETRY_LEVEL=off")
		return []string{d.module("@kilocode/cli-linux-x64/bin/kilo"), "run", "--auto", "--model", "played/played", question}
	}, heavy: true},
	"copilot": {client: "copilot-cli", pkg: "@github/copilot-linux-x64", ready: func(d *desk, m *model) []string {
		d.env = append(d.env, "COPILOT_OFFLINE=true", "COPILOT_AUTO_UPDATE=false", "COPILOT_PROVIDER_TYPE=openai", "COPILOT_PROVIDER_BASE_URL="+m.url+"/v1", "COPILOT_PROVIDER_API_KEY=none", "COPILOT_MODEL=played")
		return []string{d.module("@github/copilot-linux-x64/copilot"), "-p", question, "--allow-all-tools", "--disable-builtin-mcps", "--no-color"}
	}},
	"qwen": {client: "qwen", pkg: "@qwen-code/qwen-code", ready: func(d *desk, m *model) []string {
		d.write(".qwen/settings.json", qwenSettings)
		d.env = append(d.env, "OPENAI_API_KEY=none", "OPENAI_BASE_URL="+m.url+"/v1", "OPENAI_MODEL=played")
		return append([]string{d.node.Path}, d.npm("qwen", "--yolo", "-p", question)...)
	}, waits: 31 * time.Second},
	"cline": {client: "cline", pkg: "@cline/cli-linux-x64", ready: func(d *desk, m *model) []string {
		d.write(".cline/data/settings/global-settings.json", `{"telemetryOptOut": true}`)
		d.env = append(d.env, "CLINE_NO_AUTO_UPDATE=1", "DO_NOT_TRACK=1")
		cline := d.module("@cline/cli-linux-x64/bin/cline")
		d.run(cline, "auth", "--provider", "openai-compatible", "--apikey", "none", "--baseurl", m.url+"/v1", "--modelid", "played")
		return []string{cline, "--json", question}
	}, waits: 4 * time.Second},
	"amp": {client: "amp", pkg: "@ampcode/cli-linux-x64", ready: func(d *desk, _ *model) []string {
		d.write(".config/amp/settings.json", ampSettings)
		d.env = append(d.env, "AMP_API_KEY=none", "AMP_URL=http://127.0.0.1:9", "AMP_SKIP_UPDATE_CHECK=1")
		return []string{d.module("@ampcode/cli-linux-x64/amp"), "mcp", "doctor"} // its models are its makers' alone
	}, connected: "1 tools: whoami"},
}

const opencodeSettings = `{
  // mine
  "autoupdate": false,
  "share": "disabled",
  "permission": {"*": "allow"},
  "provider": {
    "played": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "played",
      "options": {"baseURL": "%s/v1", "apiKey": "none"},
      "models": {"played": {"name": "played", "tool_call": true, "limit": {"context": 100000, "output": 1000}}}
    }
  }
}
`

const ampSettings = `{
  // mine
  "amp.updates.mode": "disabled"
}
`

const qwenSettings = `{
  // mine
  "security": {"auth": {"selectedType": "openai"}},
  "privacy": {"usageStatisticsEnabled": false},
  "general": {"enableAutoUpdate": false},
  "tools": {"toolSearch": {"enabled": false}}
}
`

// module is the path of a file among the npm packages.
func (d *desk) module(path string) string { return d.node.Modules + "/" + path }

// eachHost runs a test for every host at the same time, each with a network and a
// home of its own. mcp-login config writes the entry.
func eachHost(t *testing.T, test func(d *desk, m *model, h host, ask []string)) {
	node := real.NodeModules(t)
	inherited := binary.Inherited(t, "mcp-login", "whoami-server")
	for _, all := range []map[string]host{agents, terminals} {
		for name, h := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				node.Package(t, h.pkg)
				if !real.Loopback(t, inherited) {
					return
				}
				d, m := emptyDesk(t), playModel(t)
				adopt(t)
				test(d, m, h, h.ready(d, m))
			})
		}
	}
}

// signedIn checks that what a host said came of the server.
func (h host) signedIn(d *desk, m *model, said string) {
	d.t.Helper()
	if h.connected != "" {
		want(d.t, said, h.connected)
		return
	}
	want(d.t, said, "thank you")
	want(d.t, m.got(), "alice@example.test")
}

// A person takes longer to sign in than a host has patience, and the host is killed
// meanwhile with its whole process tree. The login goes on, in the one tab that is
// open. Started again, the host has a stand-in that says where to sign in, or does
// without; it ends, and whatever it ends with itself, the login goes on. A host that
// never asks for the list of tools again waits, because its entry tells it to. Then
// alice signs in, and the host has the server.
func TestHostMeetsSlowPerson(t *testing.T) {
	eachHost(t, func(d *desk, m *model, h host, ask []string) {
		p := d.slowPerson()
		d.config(h.client)
		if !h.heavy {
			d.killed(p, ask)
		}
		if h.waits > 0 {
			second := d.start(ask)
			select {
			case <-second.ended:
				d.t.Fatalf("it did not wait for the person:\n%s", &second.said)
			case <-time.After(h.waits):
			}
			p.signIn()
			<-second.ended
			h.signedIn(d, m, second.said.String())
			p.once()
			return
		}
		said := d.run(ask[0], ask[1:]...)
		if m.got() != "" || h.connected != "" && strings.Contains(said, h.connected) {
			d.t.Errorf("nobody has signed in, and it said %s", said)
		}
		d.t.Logf("the model heard %q", m.heard())
		p.once()
		p.signIn()
		h.signedIn(d, m, d.run(ask[0], ask[1:]...))
		p.once()
	})
}

// killed starts a host and kills it, with all below it, when the tab is open.
func (d *desk) killed(p *slow, ask []string) {
	d.t.Helper()
	host := d.start(ask)
	select {
	case <-p.opened:
	case <-host.ended:
		d.t.Fatalf("it ended before it had asked anybody:\n%s", &host.said)
	case <-time.After(time.Minute):
		d.t.Fatalf("nobody was asked to sign in:\n%s", &host.said)
	}
	killTree(d.t, host.pid)
	<-host.ended
}

// Five hosts are started at once in one home: one of them asks, in one tab, and all
// have the server when alice has signed in. They wait for her: how long she takes
// depends on how busy five hosts keep this machine.
func TestHostsTogether(t *testing.T) {
	real.NodeModules(t)
	if !real.Loopback(t, binary.Inherited(t, "mcp-login", "whoami-server")) {
		return
	}
	d := emptyDesk(t)
	adopt(t)
	p := d.slowPerson()
	d.flags = append(d.flags, "--login-patience", "0")
	type run struct {
		host
		m *model
		*running
	}
	var all []run
	for _, name := range []string{"claude-code", "opencode", "copilot", "qwen", "cline"} {
		own, m, h := *d, playModel(t), terminals[name]
		own.env = slices.Clone(d.env)
		ask := h.ready(&own, m)
		own.config(h.client)
		all = append(all, run{h, m, own.start(ask)})
	}
	select {
	case <-p.opened:
		p.signIn()
	case <-time.After(time.Minute):
		t.Error("nobody was asked to sign in")
	}
	for _, r := range all {
		<-r.ended
		r.signedIn(d, r.m, r.said.String())
	}
	p.once()
}

// Codex never asks for the list of tools again, and gives up after ten seconds where
// its settings do not say otherwise: as config writes the entry it waits.
func TestCodexWaitsForPerson(t *testing.T) {
	node := real.NodeModules(t)
	node.Package(t, "@openai/codex")
	if !real.Loopback(t, binary.Inherited(t, "mcp-login", "whoami-server")) {
		return
	}
	d := emptyDesk(t)
	adopt(t)
	p := d.slowPerson()
	d.write(".codex/config.toml", codexSettings)
	d.config("codex")
	c := d.codex()
	c.call("initialize", `{"clientInfo":{"name":"interop","title":"interop","version":"1"}}`)
	fmt.Fprintln(c.in, `{"method":"initialized"}`)
	go func() {
		<-p.opened
		<-time.After(11 * time.Second)
		p.signIn()
	}()
	want(t, c.call("mcpServerStatus/list", `{}`), `"name":"remote"`, `"whoami":{"name":"whoami"`)
	p.once()
}

// running is a host that was started.
type running struct {
	pid   int
	said  binary.Output
	ended chan struct{}
}

// start runs a host beside the test, for two minutes at most.
func (d *desk) start(ask []string) *running {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), ask[0], ask[1:]...)
	r := &running{ended: make(chan struct{})}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = d.env, d.home, &r.said, &r.said
	cmd.WaitDelay = time.Second // its children may hold the pipes
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	r.pid = cmd.Process.Pid
	limit := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	go func() {
		_ = cmd.Wait() // of one that is killed on purpose it is an error
		limit.Stop()
		close(r.ended)
	}()
	return r
}
