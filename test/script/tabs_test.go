package script

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
)

// brief is the time limit of a login that nobody answers: enough for its tab to open on a
// busy machine as well.
const brief = "4s"

// hostile is an MCP server and a provider in one that want as many browser tabs
// as they can get. Its issuers are /i/N on one host. They sign everybody in
// without a question; while silent, they show a page that leads nowhere.
type hostile struct {
	*httptest.Server
	t     *testing.T
	state string
	env   []string
	// clientID is that of the account whose asks later makes older.
	clientID string

	// refuse says how a call with a token is refused: a status and the
	// parameters of the challenge, 0 for an answer.
	refuse func(call int) (status int, challenge string)
	// newIssuers names another issuer each time, and silent answers nobody.
	newIssuers, silent bool
	// exchange and refresh answer those requests with this OAuth error.
	exchange, refresh string
	// withExpiry tells how long tokens live; granted is what they are good for,
	// "" for all that was requested.
	withExpiry bool
	granted    string
	// bounce is the query with which the browser comes back at once, and
	// unauthorized the parameters of the challenge to those without a token.
	bounce, unauthorized string
	// unauthenticated is called before one without a token is refused.
	unauthenticated func()
	// longIssuer makes issuers that long, in bytes.
	longIssuer int
	// reading is closed by the first that reads the metadata, who then waits for goOn.
	reading, goOn chan struct{}
	// tokenHeld, if set, keeps whoever wants a token until it is closed.
	tokenHeld chan struct{}

	tab     chan struct{} // of each tab
	once    sync.Once
	mu      sync.Mutex
	tabs    int
	calls   int
	issuers int
	tokens  int
	codes   map[string]string // scopes by code
	good    map[string]bool   // tokens
	spent   int               // refresh tokens
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t, codes: map[string]string{}, good: map[string]bool{}, withExpiry: true, tab: make(chan struct{}, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mcp", h.mcp)
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", h.resource)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server/i/{n}", h.metadata)
	mux.HandleFunc("POST /i/{n}/register", func(w http.ResponseWriter, r *http.Request) {
		var asked map[string]any
		_ = json.NewDecoder(r.Body).Decode(&asked)
		asked["client_id"] = "client"
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(asked)
	})
	mux.HandleFunc("GET /i/{n}/authorize", h.authorize)
	mux.HandleFunc("POST /i/{n}/token", h.token)
	mux.HandleFunc("POST /i/{n}/device", func(w http.ResponseWriter, r *http.Request) {
		h.set(func() { h.tabs++ })
		fmt.Fprintf(w, `{"device_code":"d","user_code":"AAAA-BBBB","verification_uri":"%s/i/%s/page","expires_in":600,"interval":1}`, h.URL, r.PathValue("n"))
	})
	h.Server = httptest.NewServer(mux)
	h.state = filepath.Join(t.TempDir(), "state")
	h.env = append(os.Environ(), "MCP_LOGIN_DIR="+h.state, "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice", "NO_PROXY=127.0.0.1")
	t.Cleanup(func() {
		_ = h.command("logout", "--all").Run() // ends what is under way
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

func (h *hostile) resource(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newIssuers {
		h.issuers++
	}
	fmt.Fprintf(w, `{"resource":"%s/mcp","authorization_servers":["%s/i/%d%s"],"scopes_supported":["read"]}`, h.URL, h.URL, h.issuers, h.tail())
}

// tail makes an issuer long.
func (h *hostile) tail() string {
	if h.longIssuer == 0 {
		return ""
	}
	return "-" + strings.Repeat("x", h.longIssuer)
}

func (h *hostile) metadata(w http.ResponseWriter, r *http.Request) {
	if h.reading != nil {
		h.once.Do(func() { close(h.reading) })
		<-h.goOn
	}
	n, _, _ := strings.Cut(r.PathValue("n"), "-")
	issuer := h.URL + "/i/" + n
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": issuer + h.tail(), "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"registration_endpoint": issuer + "/register", "device_authorization_endpoint": issuer + "/device", "code_challenge_methods_supported": []string{"S256"},
		"response_types_supported": []string{"code"},
	})
}

func (h *hostile) authorize(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Header.Get("Accept") != "" { // no browser: whether the client is known
		return
	}
	h.tabs++
	h.tab <- struct{}{}
	if h.silent {
		_, _ = io.WriteString(w, "please wait")
		return
	}
	code := fmt.Sprint("code", h.tabs)
	h.codes[code] = r.URL.Query().Get("scope")
	back, _ := url.Parse(r.URL.Query().Get("redirect_uri"))
	back.RawQuery = url.Values{"code": {code}, "state": {r.URL.Query().Get("state")}}.Encode()
	if h.bounce != "" {
		back.RawQuery = "state=" + url.QueryEscape(r.URL.Query().Get("state")) + "&" + h.bounce
	}
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (h *hostile) token(w http.ResponseWriter, r *http.Request) {
	if h.tokenHeld != nil {
		<-h.tokenHeld
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	problem, scope := h.exchange, h.codes[r.PostFormValue("code")]
	if r.PostFormValue("device_code") != "" {
		problem = "authorization_pending"
	}
	if r.PostFormValue("grant_type") == "refresh_token" {
		problem, scope = h.refresh, "read"
		h.spent++
	}
	w.Header().Set("Content-Type", "application/json")
	if problem != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q}`, problem)
		return
	}
	if h.granted != "" {
		scope = h.granted
	}
	h.tokens++
	token := fmt.Sprint("token", h.tokens)
	h.good[token] = true
	answer := map[string]any{"access_token": token, "token_type": "Bearer", "refresh_token": "refresh-" + token, "scope": scope}
	if h.withExpiry {
		answer["expires_in"] = 3600
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (h *hostile) mcp(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if wait := h.unauthenticated; wait != nil && r.Header.Get("Authorization") == "" {
		h.unauthenticated = nil
		h.mu.Unlock()
		wait()
		h.mu.Lock()
	}
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	status, challenge := http.StatusUnauthorized, h.unauthorized
	if h.good[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
		status = 0
		if h.refuse != nil {
			h.calls++
			status, challenge = h.refuse(h.calls)
		}
	}
	if status != 0 {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer resource_metadata="%s/.well-known/oauth-protected-resource/mcp"%s`, h.URL, challenge))
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"h","version":"1"}}}`, m.ID)
}

// opened returns how many tabs there were so far.
func (h *hostile) opened() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tabs
}

// set changes what the server does.
func (h *hostile) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// forgetTokens refuses all tokens from now on.
func (h *hostile) forgetTokens() { h.set(func() { h.good = map[string]bool{} }) }

func (h *hostile) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary.Build(h.t, "mcp-login"), args...)
	cmd.Env = h.env
	return cmd
}

// client is a bridge that answers calls.
type client struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	log *binary.Output // its stderr
	cmd *exec.Cmd
}

func (h *hostile) bridge(args ...string) *client {
	h.t.Helper()
	c, err := h.start(h.command(append(args, h.URL+"/mcp")...))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// start starts a bridge by its command.
func (h *hostile) start(cmd *exec.Cmd) (*client, error) {
	h.t.Helper()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		h.t.Fatal(err1, err2)
	}
	log := &binary.Output{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &client{h.t, in, bufio.NewReader(out), log, cmd}
	h.t.Cleanup(c.end)
	return c, nil
}

func (c *client) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// call sends one request and returns the answer.
func (c *client) call(id int, method, params string) string {
	c.t.Helper()
	fmt.Fprintf(c.in, `{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}`+"\n", id, method, params)
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			c.t.Fatal("no answer:", err)
		}
		if strings.Contains(line, fmt.Sprintf(`"id":%d,`, id)) {
			return line
		}
	}
}

func (c *client) tool(id int) string { return c.call(id, "tools/call", `{"name":"x","arguments":{}}`) }

// later makes everything that was asked so far older.
func (h *hostile) later(by time.Duration) {
	h.t.Helper()
	key := oauth.Key{Server: h.URL + "/mcp", ClientID: h.clientID}
	st, err := store.Open(store.Options{Dir: h.state, Kind: store.KindFile})
	if err == nil {
		if cred, err := st.Load(h.t.Context(), key); err == nil {
			cred.Attempt.Asked, cred.Attempt.Ended = cred.Attempt.Asked.Add(-by), cred.Attempt.Ended.Add(-by)
			_ = st.Save(h.t.Context(), key, cred)
		}
		err = st.ChangeAsks(h.t.Context(), key, func(s oauth.AskState) oauth.AskState {
			s.Asks = slices.Clone(s.Asks)
			for i := range s.Asks {
				s.Asks[i].Asked = s.Asks[i].Asked.Add(-by)
			}
			return s
		})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// A 403 for a scope that was requested before, granted or not, is the answer:
// twenty calls open no tab after that of the login, each gets the 403, and the
// words say what is missing. The same with tokens whose end nobody knows.
func TestTabBudgetScopeRequestedBefore(t *testing.T) {
	t.Parallel()
	for _, granted := range []string{"", "other"} {
		for _, withExpiry := range []bool{true, false} {
			t.Run(fmt.Sprint(granted, withExpiry), func(t *testing.T) {
				h := newHostile(t)
				h.granted, h.withExpiry = granted, withExpiry
				h.refuse = func(int) (int, string) { return 403, `, error="insufficient_scope", scope="read"` }
				c := h.bridge()
				for i := range 20 {
					if got := c.tool(i + 1); !strings.Contains(got, `"httpStatus":403`) || !strings.Contains(got, "lacks a permission") {
						t.Fatal(got)
					}
				}
				if n := h.opened(); n != 1 || h.spent != 0 {
					t.Errorf("%d tabs, %d refreshes", n, h.spent)
				}
			})
		}
	}
}

// A scope that the provider was asked for once and did not grant leads to one
// step-up, not to one for each call.
func TestTabBudgetScopeNotGranted(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.granted = "read"
	h.refuse = func(int) (int, string) { return 403, `, error="insufficient_scope", scope="admin"` }
	for range 2 { // the second time after a restart
		c := h.bridge()
		for i := range 10 {
			if got := c.tool(i + 1); !strings.Contains(got, `"httpStatus":403`) {
				t.Fatal(got)
			}
		}
		c.end()
	}
	if n := h.opened(); n != 2 {
		t.Errorf("%d tabs", n)
	}
}

// Whatever the server and its providers say, twenty calls open at most three
// tabs, and every call has its answer.
func TestTabBudget(t *testing.T) {
	t.Parallel()
	newScope := func(call int) (int, string) {
		return 403, fmt.Sprintf(`, error="insufficient_scope", scope="s%d"`, call)
	}
	for name, change := range map[string]func(h *hostile){
		"a new scope each time":    func(h *hostile) { h.refuse = newScope },
		"another issuer each time": func(h *hostile) { h.newIssuers, h.refuse = true, func(int) (int, string) { return 401, "" } },
		"a new scope at another":   func(h *hostile) { h.newIssuers, h.refuse = true, newScope },
		"refresh tokens are of no use": func(h *hostile) {
			h.newIssuers, h.refresh = true, "invalid_grant"
			h.refuse = func(int) (int, string) { return 401, `, error="invalid_token"` }
		},
		"clients are forgotten": func(h *hostile) { h.newIssuers, h.exchange = true, "invalid_client" },
		"mixed": func(h *hostile) {
			h.newIssuers, h.refresh = true, "invalid_client"
			h.refuse = func(call int) (int, string) {
				if call%2 == 0 {
					return 401, ""
				}
				return newScope(call)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			change(h)
			for restart := range 4 {
				args := []string{}
				if restart == 3 { // another account of the same server
					args = append(args, "--client-id", "mine")
				}
				c := h.bridge(args...)
				for i := range 5 {
					if got := c.tool(i + 1); !strings.Contains(got, `"error"`) {
						t.Fatal(got)
					}
				}
				c.end()
			}
			// A script that runs a verb is no person either.
			_ = h.command("call", h.URL+"/mcp", "x").Run()
			if n := h.opened(); n > 3 || n == 0 {
				t.Errorf("%d tabs", n)
			}
		})
	}
}

// Twenty accounts of one server in twenty processes at once share the budget.
func TestTabBudgetAcrossProcesses(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	var wg sync.WaitGroup
	for i := range 20 {
		c := h.bridge("--client-id", fmt.Sprint("client", i), "--timeout", "10s")
		wg.Go(func() {
			if got := c.tool(1); !strings.Contains(got, `"code":1002`) {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := h.opened(); n != 3 {
		t.Errorf("%d tabs", n)
	}
}

// After three tabs that nobody answered none opens: not an hour later, not after
// a restart, not at another issuer, and not when a model calls the sign-in tool,
// which then says what a person has to run. That works, and all begins anew.
func TestTabBudgetWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent, h.newIssuers = true, true
	for range 5 {
		c := h.bridge("--timeout", brief)
		if got := c.tool(1); !strings.Contains(got, `"code":1002`) {
			t.Fatal(got)
		}
		c.end()
		h.later(time.Hour)
	}
	if n := h.opened(); n != 3 {
		t.Fatalf("%d tabs", n)
	}
	c := h.bridge("--login-patience", "1ms")
	login := "mcp-login login " + h.URL + "/mcp"
	if got := c.call(1, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`); !strings.Contains(got, login) {
		t.Error(got)
	}
	for i := range 3 {
		if got := c.call(i+2, "tools/call", `{"name":"mcp_login_sign_in"}`); !strings.Contains(got, login) {
			t.Error(got)
		}
	}
	if n := h.opened(); n != 3 {
		t.Fatalf("%d tabs after the sign-in tool", n)
	}
	h.set(func() { h.silent = false })
	if out, err := h.command("login", h.URL+"/mcp").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := c.tool(9); !strings.Contains(got, `"result"`) { // the same bridge goes on
		t.Error(got)
	}
	h.set(func() { h.refresh = "invalid_grant" })
	h.forgetTokens()
	h.later(time.Hour)
	if got := c.tool(10); !strings.Contains(got, `"result"`) || h.opened() != 5 {
		t.Errorf("%d tabs, %s", h.opened(), got)
	}
}

// A code for another device counts like a tab.
func TestTabBudgetOfDeviceCodes(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.newIssuers = true
	for i := range 5 {
		c := h.bridge("--device", "--timeout", brief, "--client-id", fmt.Sprint("client", i))
		if got := c.tool(1); !strings.Contains(got, `"code":1002`) {
			t.Fatal(got)
		}
		c.end()
	}
	if n := h.opened(); n != 3 {
		t.Errorf("%d codes", n)
	}
}

// The process of the login is killed each time: once that is no repetition, and
// the tab counts.
func TestTabBudgetOfKilledProcesses(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	for i := range 6 {
		c := h.bridge("--no-detach")
		fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
		if i < 2 {
			h.awaitTab()
		} else if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
			t.Error(line, err)
		}
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
	if n := h.opened(); n != 2 {
		t.Errorf("%d tabs", n)
	}
	h.later(time.Hour)
	c := h.bridge("--no-detach")
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	h.awaitTab()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	h.later(time.Hour)
	if got := h.bridge().tool(1); !strings.Contains(got, "the last 3 sign-ins to this server led to nothing") || h.opened() != 3 {
		t.Errorf("%d tabs, %s", h.opened(), got)
	}
}

// awaitTab returns when the browser has asked for the next page.
func (h *hostile) awaitTab() {
	h.t.Helper()
	select {
	case <-h.tab:
	case <-time.After(20 * time.Second):
		h.t.Fatal("no tab")
	}
}

// A person who runs login has acted, also when the kept login works and there is
// nothing to ask: what the server wants more scopes for may be asked again.
func TestTabBudgetActedWithoutATab(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	c := h.bridge("--timeout", brief)
	if got := c.tool(1); !strings.Contains(got, `"result"`) {
		t.Fatal(got)
	}
	scope := func(call int) (int, string) {
		return 403, fmt.Sprintf(`, error="insufficient_scope", scope="s%d"`, call)
	}
	h.set(func() { h.silent, h.refuse = true, scope })
	for i := range 5 {
		h.later(time.Hour)
		c.tool(i + 2)
	}
	if got := c.tool(9); !strings.Contains(got, "the last 3 sign-ins to this server led to nothing") || h.opened() != 4 {
		t.Fatalf("%d tabs, %s", h.opened(), got)
	}
	h.set(func() { h.refuse = nil })
	if out, err := h.command("login", h.URL+"/mcp").CombinedOutput(); err != nil || !strings.Contains(string(out), "already signed in") {
		t.Fatalf("%v: %s", err, out)
	}
	h.set(func() { h.refuse = scope })
	c.tool(10)
	if n := h.opened(); n != 5 {
		t.Errorf("%d tabs", n)
	}
}

// logout takes what is known along.
func TestTabBudgetEndsWithLogout(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent, h.clientID = true, "mine"
	for range 4 {
		c := h.bridge("--timeout", brief, "--client-id", "mine")
		c.tool(1)
		c.end()
		h.later(4 * time.Minute)
	}
	if n := h.opened(); n != 3 {
		t.Fatalf("%d tabs", n)
	}
	if out, err := h.command("logout", "--client-id", "mine", h.URL+"/mcp").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.set(func() { h.silent = false })
	if got := h.bridge("--client-id", "mine").tool(1); !strings.Contains(got, `"result"`) || h.opened() != 4 {
		t.Errorf("%d tabs, %s", h.opened(), got)
	}
}

// A provider that sends the browser back at once with an error stands for no
// person, whatever it says: after three such tabs none opens, hours later neither,
// until a person acts.
func TestTabsOfABouncingProvider(t *testing.T) {
	for name, change := range map[string]func(h *hostile){
		"server_error":            func(h *hostile) { h.bounce = "error=server_error" },
		"access_denied":           func(h *hostile) { h.bounce = "error=access_denied" },
		"bytes that are no text":  func(h *hostile) { h.bounce = "error=%ff%fe&error_description=%ff%00%1b[2J" },
		"a very long description": func(h *hostile) { h.bounce = "error=x&error_description=" + strings.Repeat("y", 16<<10) },
		"another issuer":          func(h *hostile) { h.bounce = "code=c&iss=https://elsewhere.example" },
		"two codes":               func(h *hostile) { h.bounce = "code=c&code=d" },
		"a code of no use":        func(h *hostile) { h.exchange = "invalid_grant" },
		"a forgotten client":      func(h *hostile) { h.exchange = "invalid_client" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			h.newIssuers = true
			change(h)
			said := ""
			for range 4 {
				c := h.bridge()
				said = c.tool(1)
				if !strings.Contains(said, `"code":1002`) {
					t.Fatal(said)
				}
				c.end()
				h.later(time.Hour)
			}
			if n := h.opened(); n != 3 || !strings.Contains(said, "mcp-login login "+h.URL+"/mcp") {
				t.Fatalf("%d tabs, %s", n, said)
			}
			h.set(func() { h.bounce, h.exchange = "", "" })
			if out, err := h.command("login", h.URL+"/mcp").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		})
	}
}

// Issuers of a quarter of a megabyte do not make the record of the tabs so large
// that it is not read again.
func TestTabsOfLongIssuers(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.newIssuers, h.longIssuer = true, 250_000
	h.refuse = func(int) (int, string) { return 401, "" }
	for range 2 {
		c := h.bridge()
		for i := range 8 {
			if got := c.tool(i + 1); !strings.Contains(got, `"error"`) {
				t.Fatal(got)
			}
		}
		c.end()
		before := h.opened()
		h.later(4 * time.Minute)
		if before > 3 {
			t.Fatalf("%d tabs", before)
		}
	}
	c := h.bridge()
	for i := range 8 {
		c.tool(i + 1)
	}
	if n := h.opened(); n != 0 {
		t.Errorf("%d tabs", n)
	}
}

// One server and profile has one budget, however the account and the address are
// spelled.
func TestTabsOfOneServerInManySpellings(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	upper := strings.Replace(h.URL, "http://", "HTTP://", 1) + "/mcp"
	var wg sync.WaitGroup
	for _, args := range [][]string{
		{},
		{"--profile", ""},
		{"--profile="},
		{"--client-id", "c"},
		{"--issuer", h.URL + "/i/0"},
		{"--issuer", h.URL + "/i/0", "--client-id", "c"},
		{"--scope", "read"},
		{"--scope", ""},
		{"--resource", "https://r.example"},
		{"--no-resource"},
		{"--auth-param", "a=b"},
		{"--allow-http"},
		{"--no-detach"},
		{"--device"},
	} {
		args = append(args, "--timeout", "2s")
		cmd := h.command(append(args, upper)...)
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
				t.Errorf("%v: %v %s", args, err, line)
			}
			_ = in.Close()
			_ = cmd.Wait()
		})
	}
	wg.Wait()
	if n := h.opened(); n > 3 || n == 0 {
		t.Errorf("%d tabs", n)
	}
}
