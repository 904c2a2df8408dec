package providers

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mcp-login/test/real"
)

// update writes testdata/peers.txt instead of comparing with it.
var update = flag.Bool("update", false, "write what the other programs do into testdata")

// peersFile has one line for each step that others can take: the case, the step,
// what npm mcp-remote did, what the client of the TypeScript SDK did.
const peersFile = "testdata/peers.txt"

// peerResult is works, fails or hangs, of each program; "-" where it was not run.
type peerResult struct{ mcpRemote, sdk string }

func readPeers(t *testing.T) map[string]peerResult {
	t.Helper()
	data, err := os.ReadFile(peersFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	all := map[string]peerResult{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(strings.TrimSpace(line), " "); len(f) == 3 && f[0] != "#" {
			all[f[0]] = peerResult{f[1], f[2]}
		}
	}
	return all
}

// key names a step.
func (e example) key(step int) string { return fmt.Sprintf("%s#%d", e.name, step+1) }

// theirs are the steps that mcp-remote can take.
func (e example) theirs() (list []int) {
	for i, s := range e.steps {
		if !s.ours && s.verb == "" && s.url == "" {
			list = append(list, i)
		}
	}
	return list
}

// Npm mcp-remote and the client of the TypeScript SDK at the same
// fakes. What they do is written down and compared; where the reference says
// how mcp-remote fares, the fake agrees, or the case says why not. Their own
// starts make 350 steps a matter of minutes: without MCP_LOGIN_ALL_PEERS only the
// cases are run that public reports say something of.
func TestPeersAtProviders(t *testing.T) {
	node := real.NodeModules(t)
	p := newPeers(t, node)
	everything := *update || os.Getenv("MCP_LOGIN_ALL_PEERS") != ""
	left := 0
	t.Run("case", func(t *testing.T) {
		for _, e := range examples {
			if len(e.theirs()) == 0 {
				continue
			}
			if !everything && !slices.ContainsFunc(e.steps, func(s step) bool { return s.refs != "" }) {
				left++
				continue
			}
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				p.judge(t, e)
			})
		}
	})
	t.Logf("%d further cases are compared with MCP_LOGIN_ALL_PEERS=1", left)
	p.write(t)
}

// peers are the other programs, and what they do.
type peers struct {
	node, proxy, sdk string
	want             map[string]peerResult

	mu  sync.Mutex
	got map[string]peerResult
}

func newPeers(t *testing.T, node real.Node) *peers {
	t.Helper()
	proxy := filepath.Join(node.Package(t, "mcp-remote"), "dist", "proxy.js")
	node.Package(t, "@modelcontextprotocol/client")
	return &peers{node: node.Path, proxy: proxy, sdk: inModules(t, node, "peers/sdk.mjs"), want: readPeers(t), got: map[string]peerResult{}}
}

// judge plays a case with them, and compares.
func (p *peers) judge(t *testing.T, e example) {
	t.Helper()
	found := e.peers(t, p.node, p.proxy, p.sdk)
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, r := range found {
		p.got[key] = r
		if w := p.want[key]; w != r && !*update {
			t.Errorf("%s: mcp-remote %s, the SDK %s, want %s and %s", key, r.mcpRemote, r.sdk, w.mcpRemote, w.sdk)
		}
	}
}

// write keeps what was seen, if that is wanted; of cases that were not run, what
// was seen before.
func (p *peers) write(t *testing.T) {
	t.Helper()
	got := p.got
	if *update {
		for _, e := range slices.Concat(examples, switchCases) {
			for _, i := range e.theirs() {
				if _, done := got[e.key(i)]; !done && p.want[e.key(i)] != (peerResult{}) {
					got[e.key(i)] = p.want[e.key(i)]
				}
			}
		}
		out := "# What npm mcp-remote and the client of the TypeScript SDK do at each step that they can take.\n"
		for _, key := range slices.Sorted(maps.Keys(got)) {
			out += fmt.Sprintf("%s %s %s\n", key, got[key].mcpRemote, got[key].sdk)
		}
		if err := os.WriteFile(peersFile, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// peers takes the steps with both programs, each in a world of its own.
func (e example) peers(t *testing.T, node, proxy, sdk string) map[string]peerResult {
	found := map[string]peerResult{}
	h := newHome(t, e.fake.start(t), e.files)
	for _, i := range e.theirs() {
		s := e.steps[i]
		if s.before != nil {
			s.before(h.w)
		}
		words := regexp.MustCompile(`--timeout \S+`).ReplaceAllString(s.words, "")
		if !regexp.MustCompile(`^(\d|PORT)|--callback-port`).MatchString(words) {
			words = "PORT " + words
		}
		o := h.talk(append([]string{node, proxy}, h.words(s, words+" --enable-proxy --auth-timeout 20")...), s)
		t.Logf("%s: mcp-remote: %s", e.key(i), o.brief())
		found[e.key(i)] = peerResult{o.word(), "-"}
	}
	i := e.theirs()[0]
	s := e.steps[i]
	if s.before != nil || strings.Contains(s.words, "@") || strings.Contains(s.words, "--") && !strings.Contains(s.words, "client-info") {
		return found // it needs words, or what came before
	}
	h = newHome(t, e.fake.start(t), e.files)
	o := h.talk(append([]string{node, sdk, h.w.url}, clientOf(s.words)...), s)
	t.Logf("%s: SDK: %s", e.key(i), o.brief())
	found[e.key(i)] = peerResult{found[e.key(i)].mcpRemote, o.word()}
	return found
}

// clientOf reads a client from mcp-remote's words.
func clientOf(words string) []string {
	_, info, _ := strings.Cut(words, "--static-oauth-client-info ")
	var c struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if json.Unmarshal([]byte(strings.ReplaceAll(strings.Split(info, " ")[0], "~", " ")), &c) != nil {
		return nil
	}
	if c.Secret == "" {
		return []string{c.ID}
	}
	return []string{c.ID, c.Secret}
}

// word is an outcome in one word.
func (o outcome) word() string {
	switch {
	case o.hangs:
		return "hangs"
	case o.code != 0:
		return "fails"
	}
	return "works"
}

func (o outcome) brief() string {
	last := ""
	for line := range strings.Lines(o.stderr) {
		if strings.Contains(strings.ToLower(line), "error") {
			last = strings.TrimSpace(line)
			break
		}
	}
	return fmt.Sprintf("%s %d %s | %.300s", o.word(), o.code, o.message, last)
}

// inModules puts a script where Node finds the test packages.
func inModules(t *testing.T, node real.Node, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(node.Modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(script))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Where the reference says how mcp-remote fares, the fake agrees, or the case
// says why not.
func TestReferenceAgrees(t *testing.T) {
	peers := readPeers(t)
	named := 0
	for _, e := range examples {
		for i, s := range e.steps {
			if s.refs == "" {
				continue
			}
			named++
			got := peers[e.key(i)].mcpRemote
			if (got != s.refs) != (s.because != "") {
				t.Errorf("%s: mcp-remote %s, the reference says %s, because %q", e.key(i), got, s.refs, s.because)
			}
		}
	}
	t.Logf("%d results of mcp-remote stand in the reference", named)
}
