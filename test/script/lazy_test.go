package script

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/server"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
)

// lazyWorld is a server whose requests are counted, its provider, and a store that seals.
type lazyWorld struct {
	t        *testing.T
	url, sse string
	server   *ledger
	provider *ledger
	state    string
	store    string // --store
	user     string // who signs in
}

const lazyPassphrase = "correct horse battery staple"

func newLazyWorld(t *testing.T) *lazyWorld {
	t.Helper()
	w := &lazyWorld{t: t, server: &ledger{}, provider: &ledger{}, state: filepath.Join(t.TempDir(), "state"), store: "passphrase", user: "alice"}
	whoami, front := httptest.NewServer(w.server), httptest.NewServer(w.provider)
	t.Cleanup(whoami.Close)
	t.Cleanup(front.Close)
	w.url, w.sse = whoami.URL+"/mcp", whoami.URL+"/sse"
	idp, err := devidp.New(front.URL+"/oidc", devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: w.url}, {Indicator: w.sse}}})
	if err != nil {
		t.Fatal(err)
	}
	w.provider.inner = idp
	resource, _ := url.Parse(w.url)
	handler, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer(), Scopes: []string{"openid", "profile", "email"}, RelayIssuerMetadata: true}})
	if err != nil {
		t.Fatal(err)
	}
	w.server.inner = handler
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = handler.Close(ctx)
	})
	return w
}

func (w *lazyWorld) command(args ...string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(binary.Build(w.t, "mcp-login"), args...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+w.state, "MCP_LOGIN_STORE="+w.store, "MCP_LOGIN_PASSPHRASE="+lazyPassphrase, "MCP_LOGIN_BROWSER="+binary.Self(w.t)+" approve "+w.user, "NO_PROXY=127.0.0.1")
	return cmd
}

// verb runs a verb and returns what it prints.
func (w *lazyWorld) verb(args ...string) string {
	w.t.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// talk runs a bridge for a client that says lines, and ends when all its requests are
// answered. Everything on stdout is in out, by the id where there is one.
func (w *lazyWorld) talk(lines string, args ...string) (out map[string]string, errOut string) {
	w.t.Helper()
	b := started(w.t, w.command(args...))
	out = map[string]string{}
	note := func(line string) {
		m, err := jsonrpc.Parse([]byte(line))
		if err != nil {
			w.t.Errorf("on stdout: %q", line)
		}
		out[string(m.ID)+m.Method] = line
	}
	fmt.Fprintln(b.in, lines)
	for range strings.Count(lines, `"id":`) {
		line := b.line()
		for !strings.Contains(line, `"id":`) {
			note(line)
			line = b.line()
		}
		note(line)
	}
	_ = b.in.Close()
	rest, _ := io.ReadAll(b.out)
	for line := range strings.Lines(string(rest)) {
		note(line)
	}
	said, _ := io.ReadAll(b.errOut)
	if err := b.cmd.Wait(); err != nil {
		w.t.Errorf("%v\n%s", err, said)
	}
	return out, string(said)
}

const (
	lazyStart = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"ping"}`
	lazyCall = `
{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"whoami"}}`
	lazyMeta  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"s","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	freeStart = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + lazyMeta + `}}
{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{` + lazyMeta + `}}`
	freeCall = `
{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"whoami","arguments":{},` + lazyMeta + `}}`
)

// The second start sends nothing, neither to the server nor to the provider, and is answered
// with what the first one was: on both transports, with and without sessions. The first call
// connects, with the login that is kept.
func TestLazyStart(t *testing.T) {
	for name, c := range map[string]struct {
		args        func(w *lazyWorld) []string
		start, call string
	}{
		"Streamable HTTP":  {func(w *lazyWorld) []string { return []string{"--lazy", w.url} }, lazyStart, lazyCall},
		"HTTP+SSE":         {func(w *lazyWorld) []string { return []string{"--lazy", w.sse} }, lazyStart, lazyCall},
		"without sessions": {func(w *lazyWorld) []string { return []string{w.url, "--lazy"} }, freeStart, freeCall},
		"with a filter":    {func(w *lazyWorld) []string { return []string{"--lazy", "--allow-tool", "whoami", w.url} }, lazyStart, lazyCall},
		"patience is none": {func(w *lazyWorld) []string { return []string{"--lazy", "--login-patience", "0", w.url} }, lazyStart, lazyCall},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLazyWorld(t)
			args := c.args(w)
			w.verb("login", args[slices.IndexFunc(args, func(arg string) bool { return strings.Contains(arg, "://") })])
			first, _ := w.talk(c.start, args...)
			w.server.take()
			w.provider.take()
			second, said := w.talk(c.start, args...)
			if asked := append(w.server.take(), w.provider.take()...); len(asked) > 0 || said != "" {
				t.Errorf("a lazy start sent %v, and said %s", asked, said)
			}
			promised := regexp.MustCompile(`,?"(listChanged|ttlMs)":(true|false|\d+)`)
			for id, answer := range first {
				if got, want := promised.ReplaceAllString(second[id], ""), promised.ReplaceAllString(answer, ""); got != want || !strings.Contains(got, `"result"`) {
					t.Errorf("%s\nwas\n%s", got, want)
				}
			}
			third, _ := w.talk(c.start+c.call, args...)
			if !strings.Contains(third["4"], "alice@example.test") {
				t.Errorf("the first call: %s", third["4"])
			}
			if asked := w.provider.take(); slices.Contains(asked, "POST /oidc/token") || len(w.server.take()) == 0 {
				t.Errorf("a call with the login that is kept asked the provider for %v", asked)
			}
		})
	}
}

// A sign-in that is needed comes with the first call, which is answered behind it, and not with
// the start.
func TestLazyStartSignsInWithTheFirstCall(t *testing.T) {
	t.Parallel()
	w := newLazyWorld(t)
	w.talk(lazyStart, "--lazy", w.url)
	w.endLogin()
	w.server.take()
	w.provider.take()
	if out, _ := w.talk(lazyStart, "--lazy", w.url); !strings.Contains(out["2"], "whoami") {
		t.Error(out)
	}
	if asked := append(w.server.take(), w.provider.take()...); len(asked) > 0 {
		t.Errorf("the start sent %v", asked)
	}
	out, _ := w.talk(lazyStart+lazyCall, "--lazy", w.url)
	if !strings.Contains(out["4"], "alice@example.test") {
		t.Errorf("the first call: %s", out["4"])
	}
	if asked := w.provider.take(); !slices.Contains(asked, "GET /oidc/auth") {
		t.Errorf("nobody was asked to sign in: %v", asked)
	}
}

// endLogin makes the kept login one that only a person can renew.
func (w *lazyWorld) endLogin() {
	w.t.Helper()
	st, err := store.Open(store.Options{Dir: w.state, Kind: store.KindPassphrase, Getenv: func(name string) string {
		return map[string]string{"MCP_LOGIN_PASSPHRASE": lazyPassphrase}[name]
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, key := w.t.Context(), oauth.Key{Server: w.url}
	cred, err := st.Load(ctx, key)
	if err != nil {
		w.t.Fatal(err)
	}
	cred.AccessToken, cred.RefreshToken, cred.Attempt = grant.NewSecret("ended"), grant.Secret{}, oauth.Attempt{}
	cred.Expiry, cred.ObtainedAt = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour)
	if err := st.Save(ctx, key, cred); err != nil {
		w.t.Fatal(err)
	}
	if err := st.ChangeAsks(ctx, key, func(oauth.AskState) oauth.AskState { return oauth.AskState{} }); err != nil {
		w.t.Fatal(err)
	}
}

// A sign-in that takes longer than a client waits is told to it with the call, and the list of
// tools is declared changed, so that it finds the one that says where to sign in. None of that is
// kept.
func TestLazyStartAndASlowSignIn(t *testing.T) {
	t.Parallel()
	w := newLazyWorld(t)
	w.talk(lazyStart, "--lazy", w.url)
	w.endLogin()
	slow := []string{"--lazy", "--no-detach", "--no-browser", "--login-patience", "100ms", w.url}
	out, _ := w.talk(lazyStart+lazyCall, slow...)
	if !strings.Contains(out["4"], `"code":1002,"message":"This server needs a sign-in. Open http://127.0.0.1:`) || out["notifications/tools/list_changed"] == "" {
		t.Errorf("%v", out)
	}
	w.server.take()
	if out, _ := w.talk(lazyStart, slow...); !strings.Contains(out["2"], "whoami") || len(w.server.take()) > 0 {
		t.Errorf("the next start: %v", out)
	}
}

// What is kept is on the disk sealed, belongs to its profile and its sign-in, and goes with
// logout.
func TestLazyStartIsPrivate(t *testing.T) {
	t.Parallel()
	w := newLazyWorld(t)
	lazily := func(args ...string) bool {
		t.Helper()
		w.server.take()
		out, _ := w.talk(lazyStart, append(args, "--lazy", w.url)...)
		if !strings.Contains(out["2"], "whoami") {
			t.Errorf("%v: %v", args, out)
		}
		return len(w.server.take()) == 0
	}
	kept := func() (files []string) {
		t.Helper()
		files, _ = filepath.Glob(filepath.Join(w.state, "*.note-lazy-*"))
		for _, file := range files {
			if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), "whoami") || !strings.HasPrefix(string(b), "mcp-login sealed ") {
				t.Errorf("%s is not sealed, or cannot be read: %v", file, err)
			}
		}
		return files
	}
	if lazily() || !lazily() || len(kept()) != 1 {
		t.Errorf("the default profile: %v", kept())
	}
	w.user = "bob"
	if lazily("--profile", "work") || !lazily("--profile", "work") || len(kept()) != 2 {
		t.Errorf("another profile: %v", kept())
	}
	w.verb("login", "--again", w.url)
	if lazily() || !lazily() {
		t.Error("what alice was told is shown to bob, or bob's own is not kept")
	}
	if lazily("--header", "X-Tenant: other") {
		t.Error("what was said without a header is shown with it")
	}
	if lazily("--ignore-tool", "nothing") {
		t.Error("what was said without a filter is shown behind it")
	}
	if lazily() || !lazily() {
		t.Error("the start without flags")
	}
	again := w.command("login", "--again", "--no-browser", "--timeout", "1s", w.url)
	if err := again.Run(); err == nil {
		t.Error("somebody has signed in")
	}
	if out, _ := w.talk(lazyStart, "--lazy", "--no-detach", "--no-browser", "--login-patience", "100ms", w.url); strings.Contains(out["2"], `"whoami"`) {
		t.Errorf("shown although its login was ended: %s", out["2"])
	}
	w.verb("logout", w.url)
	if files := kept(); len(files) != 1 {
		t.Errorf("after logout: %v", files)
	}
	w.verb("logout", "--profile", "work", w.url)
	if files := kept(); len(files) != 0 {
		t.Errorf("after logout from the other profile: %v", files)
	}
	if lazily() {
		t.Error("a start after logout is lazy")
	}
}

// Who signs in elsewhere after a client has begun, or signs out there, ends what is kept: lists
// are the server's, and the first call is that of whoever is signed in then.
func TestLazyStartAndAnotherSignIn(t *testing.T) {
	t.Parallel()
	w := newLazyWorld(t)
	for _, elsewhere := range [][]string{{"login", "--again", w.url}, {"logout", w.url}} {
		w.talk(lazyStart, "--lazy", w.url)
		b := started(t, w.command("--lazy", "--no-detach", "--no-browser", "--login-patience", "100ms", w.url))
		w.server.take()
		start := strings.Split(lazyStart, "\n")
		fmt.Fprintln(b.in, start[0]+"\n"+start[1])
		b.line()
		if asked := w.server.take(); len(asked) > 0 {
			t.Errorf("%v: not lazy: %v", elsewhere, asked)
		}
		w.user = "bob"
		w.verb(elsewhere...)
		w.server.take()
		fmt.Fprintln(b.in, start[2])
		said := b.line()
		for !strings.Contains(said, `"id":2,`) {
			said = b.line()
		}
		if len(w.server.take()) == 0 || elsewhere[0] == "logout" && strings.Contains(said, `"whoami"`) {
			t.Errorf("%v: tools/list is answered from what was kept: %s", elsewhere, said)
		}
		if fmt.Fprintln(b.in, strings.TrimSpace(lazyCall)); elsewhere[0] == "login" {
			said = b.line()
			for !strings.Contains(said, `"id":4,`) {
				said = b.line()
			}
			if !strings.Contains(said, "bob@example.test") {
				t.Errorf("%v: the first call: %s", elsewhere, said)
			}
		}
		_ = b.in.Close()
		_, _ = io.Copy(io.Discard, b.out)
		_ = b.cmd.Wait()
	}
}

// A store that does not seal keeps nothing: the start is as without --lazy, and it is said why.
func TestLazyStartNeedsASeal(t *testing.T) {
	t.Parallel()
	w := newLazyWorld(t)
	w.store = "file"
	for range 2 {
		w.server.take()
		out, said := w.talk(lazyStart, "--lazy", w.url)
		if !strings.Contains(out["2"], "whoami") || len(w.server.take()) == 0 || !strings.Contains(said, "not kept for a lazy start") {
			t.Errorf("%v\n%s", out, said)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(w.state, "*.note-lazy-*")); len(files) > 0 {
		t.Errorf("kept: %v", files)
	}
}

// Whose token a program prints is not known: nothing is kept, and it is said.
func TestLazyStartWithAProgram(t *testing.T) {
	t.Parallel()
	c := &changing{version: "1", tool: "private"}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	for _, flag := range [][]string{{"--token-command", "go env GOOS"}, {"--header-command", "X-Key: go env GOOS"}} {
		w := &lazyWorld{t: t, state: filepath.Join(t.TempDir(), "state"), store: "passphrase"}
		for range 2 {
			c.take()
			if _, said := w.talk(lazyStart, append(flag, "--lazy", srv.URL+"/mcp")...); len(c.take()) == 0 || !strings.Contains(said, "--lazy has no effect where a program prints") {
				t.Errorf("%s: %s", flag[0], said)
			}
		}
	}
}

// changing is a public server that says what stands in it.
type changing struct {
	mu            sync.Mutex
	version, tool string
	methods       []string
	hold          chan struct{} // calls, and lists, wait until it is closed
}

func (c *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m, _ := jsonrpc.Parse(body)
	c.mu.Lock()
	c.methods = append(c.methods, strings.TrimSpace(r.Method+" "+m.Method))
	version, tool, hold := c.version, c.tool, c.hold
	c.mu.Unlock()
	result := "{}"
	if hold != nil && (m.Method == "tools/call" || m.Method == "tools/list") {
		<-hold
	}
	switch {
	case r.Method != http.MethodPost || m.Method == "server/discover":
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case m.Kind != jsonrpc.Request:
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "initialize":
		result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"c","version":"` + version + `"}}`
	case m.Method == "tools/list":
		result = `{"tools":[{"name":"` + tool + `","inputSchema":{"type":"object"}}]}`
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(jsonrpc.Result(m.ID, result))
}

func (c *changing) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.methods
	c.methods = nil
	return all
}

func (c *changing) set(version, tool string, hold chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version, c.tool, c.hold = version, tool, hold
}

// A list that has changed is declared changed after the first call, and another version of the
// server takes the place of the one before. A bridge that is killed in its first call leaves
// what is kept as it was.
func TestLazyStartOfAChangedServer(t *testing.T) {
	t.Parallel()
	c := &changing{version: "1", tool: "old"}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	w := &lazyWorld{t: t, state: filepath.Join(t.TempDir(), "state"), store: "passphrase"}
	w.talk(lazyStart, "--lazy", srv.URL+"/mcp")
	c.take()

	hold := make(chan struct{})
	c.set("2", "new", hold)
	b := started(t, w.command("--lazy", srv.URL+"/mcp"))
	fmt.Fprintln(b.in, lazyStart+lazyCall)
	binary.Until(t, "the call is under way", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.Contains(c.methods, "POST tools/call")
	})
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	close(hold)
	c.set("2", "new", nil)
	c.take()

	b = started(t, w.command("--lazy", srv.URL+"/mcp"))
	fmt.Fprintln(b.in, lazyStart)
	said := b.line() + b.line() + b.line()
	if asked := c.take(); len(asked) > 0 || !strings.Contains(said, `"version":"1"`) || !strings.Contains(said, `"old"`) {
		t.Errorf("after a killed bridge the start sent %v, and was answered %s", asked, said)
	}
	c.set("3", "newest", nil)
	fmt.Fprintln(b.in, lazyCall)
	var changed, answered bool
	for !changed || !answered {
		line := b.line()
		changed = changed || line == `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`+"\n"
		answered = answered || strings.Contains(line, `"id":4,"result"`)
	}
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":5,"method":"tools/list"}`)
	if line := b.line(); !strings.Contains(line, `"newest"`) {
		t.Errorf("listed again: %s", line)
	}
	_ = b.in.Close()
	if code := b.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.take()
	out, _ := w.talk(lazyStart, "--lazy", srv.URL+"/mcp")
	if asked := c.take(); len(asked) > 0 || !strings.Contains(out["1"], `"version":"3"`) || !strings.Contains(out["2"], `"newest"`) {
		t.Errorf("the next start sent %v, and was answered %v", asked, out)
	}
	w.verb("logout", "--all") // this server has no login, and goes with it
	if files, _ := filepath.Glob(filepath.Join(w.state, "*.note-*")); len(files) > 0 {
		t.Errorf("after logout --all: %v", files)
	}
}

// A client with sessions at a server of 2026-07-28 has an emulated one: its start is lazy as well,
// and so is the first call's connection.
func TestLazyStartAtAServerWithoutSessions(t *testing.T) {
	t.Parallel()
	requests := &ledger{inner: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, _ := jsonrpc.Parse(body)
		results := map[string]string{
			"server/discover": `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"},"ttlMs":0,"cacheScope":"private"}`,
			"tools/list":      `{"resultType":"complete","tools":[{"name":"whoami","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}`,
			"tools/call":      `{"resultType":"complete","content":[{"type":"text","text":"alice@example.test"}]}`,
		}
		w.Header().Set("Content-Type", "application/json")
		result, known := results[m.Method]
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case !known || !m.Stateless():
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(jsonrpc.Refusal(m.ID, jsonrpc.CodeMethodNotFound, "not known", ""))
		default:
			_, _ = w.Write(jsonrpc.Result(m.ID, result))
		}
	})}
	srv := httptest.NewServer(requests)
	t.Cleanup(srv.Close)
	w := &lazyWorld{t: t, state: filepath.Join(t.TempDir(), "state"), store: "passphrase"}
	first, _ := w.talk(lazyStart, "--lazy", srv.URL+"/mcp")
	requests.take()
	second, _ := w.talk(lazyStart, "--lazy", srv.URL+"/mcp")
	if asked := requests.take(); len(asked) > 0 || second["2"] != first["2"] || !strings.Contains(second["1"], `"protocolVersion":"2025-06-18"`) {
		t.Errorf("a lazy start sent %v, and was answered %v", asked, second)
	}
	third, _ := w.talk(lazyStart+lazyCall, "--lazy", srv.URL+"/mcp")
	if !strings.Contains(third["4"], "alice@example.test") || third["notifications/tools/list_changed"] != "" {
		t.Errorf("%v", third)
	}
}
