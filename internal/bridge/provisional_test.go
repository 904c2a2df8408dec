package bridge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/bridge/upstream"
)

// results is a Results in memory.
type results struct {
	mu    sync.Mutex
	known map[string]string
}

func (r *results) Recall(version string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.known[version])
}

func (r *results) Remember(version string, result []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[version] = string(result)
}

// slowLogin is a server whose initialize waits for a person.
type slowLogin struct {
	server
	pending atomic.Bool
	signed  chan string // the answer to initialize: its result, or "" for a refusal
	known   results
}

func newSlowLogin() *slowLogin {
	l := &slowLogin{signed: make(chan string), known: results{known: map[string]string{}}}
	l.pending.Store(true)
	l.on = map[string]func(http.ResponseWriter, *http.Request, json.RawMessage){
		"initialize": func(w http.ResponseWriter, r *http.Request, id json.RawMessage) {
			select {
			case result := <-l.signed:
				if result == "" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
			case <-r.Context().Done():
			}
		},
	}
	return l
}

func (l *slowLogin) rig(t *testing.T) *rig {
	return newRig(t, l, func(c *Config, _ *upstream.Config) {
		c.Patience = func(string) time.Duration { return time.Nanosecond }
		c.Results = &l.known
		c.SignIn = func() (SignIn, bool) {
			return SignIn{URL: "https://login.example/a?b=1&c=2", UserCode: "WDJB-MJHT"}, l.pending.Load()
		}
	})
}

func (l *slowLogin) heard(method string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, m := range l.methods {
		if m == "POST "+method {
			n++
		}
	}
	return n
}

const realResult = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"real","version":"9"}}`

func initializeLine(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, id)
}

// A login that outlasts the client's patience: initialize is answered here, one
// tool says where to sign in, other requests get an error with the address;
// after the login the lists change and everything is the server's.
func TestStandInUntilSignedIn(t *testing.T) {
	l := newSlowLogin()
	r := l.rig(t)
	r.send(initializeLine(1))
	if got := r.line(); !strings.Contains(got, `"id":1`) || !strings.Contains(got, `"protocolVersion":"2025-06-18"`) || strings.Count(got, `"listChanged":true`) != 3 {
		t.Fatal(got)
	}
	r.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`)
	for _, tc := range []struct{ method, params, want string }{
		{"ping", `{}`, `{"jsonrpc":"2.0","id":2,"result":{}}`},
		{"prompts/list", `{}`, `{"jsonrpc":"2.0","id":2,"result":{"prompts":[]}}`},
		{"resources/list", `{}`, `{"jsonrpc":"2.0","id":2,"result":{"resources":[]}}`},
		{"resources/templates/list", `{}`, `{"jsonrpc":"2.0","id":2,"result":{"resourceTemplates":[]}}`},
		{"tools/list", `{}`, SignInTool},
		{"tools/list", `{}`, `https://login.example/a?b=1&c=2`},
		{"tools/call", `{"name":"` + SignInTool + `"}`, `WDJB-MJHT`},
		{"tools/call", `{"name":"other"}`, `"code":1002`},
		{"resources/read", `{"uri":"x:y"}`, `https://login.example/a?b=1&c=2`},
	} {
		r.send(`{"jsonrpc":"2.0","id":2,"method":"` + tc.method + `","params":` + tc.params + `}`)
		if got := r.line(); !strings.Contains(got, tc.want) || strings.Contains(got, `\u0026`) {
			t.Errorf("%s: %s", tc.method, got)
		}
	}
	l.pending.Store(false)
	l.signed <- realResult
	for _, list := range []string{"tools", "prompts", "resources"} {
		if got := r.line(); got != `{"jsonrpc":"2.0","method":"notifications/`+list+`/list_changed"}` {
			t.Error(got)
		}
	}
	if l.heard("notifications/initialized") != 1 || l.heard("notifications/roots/list_changed") != 0 || l.heard("tools/list") != 0 {
		t.Errorf("the server heard %v", l.methods)
	}
	r.send(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"` + SignInTool + `"}}`)
	if got := r.line(); !strings.Contains(got, "Signed in") {
		t.Error(got)
	}
	r.send(`{"jsonrpc":"2.0","id":4,"method":"tools/list"}`)
	if r.line(); l.heard("tools/list") != 1 {
		t.Errorf("the server heard %v", l.methods)
	}
	// The next run knows the server.
	l.pending.Store(true)
	r = l.rig(t)
	r.send(initializeLine(1))
	if got := r.line(); !strings.Contains(got, `"serverInfo":{"name":"real","version":"9"}`) || strings.Count(got, `"listChanged":true`) != 3 {
		t.Error(got)
	}
	l.signed <- realResult
}

// A login that comes to nothing is told through the tool, and calling it tries
// again; a session that stands in the end is as good as any.
func TestStandInAfterARefusal(t *testing.T) {
	l := newSlowLogin()
	r := l.rig(t)
	r.send(initializeLine(1), `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	r.line()
	l.signed <- ""
	ask := func(params string) string {
		r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":` + params + `}`)
		return r.line()
	}
	for !strings.Contains(ask(`{"name":"other"}`), "did not work") {
		continue // the refusal is on its way
	}
	if l.heard("initialize") != 1 {
		t.Error("an error of another tool began a login")
	}
	if got := ask(`{"name":"` + SignInTool + `"}`); !strings.Contains(got, "did not work") {
		t.Error(got)
	}
	l.signed <- realResult
	for range 3 {
		r.line()
	}
	if l.heard("notifications/initialized") != 1 || l.heard("initialize") != 2 {
		t.Errorf("the server heard %v", l.methods)
	}
}

// A server that answers in time is never spoken for, whatever the patience; nor
// is a slow one that asks for no login.
func TestNoStandInWithoutALogin(t *testing.T) {
	l := newSlowLogin()
	l.pending.Store(false)
	r := l.rig(t)
	r.send(initializeLine(1))
	l.signed <- realResult
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":`+realResult+`}` {
		t.Error(got)
	}
	r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + SignInTool + `"}}`)
	if r.line(); l.heard("tools/call") != 1 {
		t.Error("a tool of that name belongs to the server")
	}
}

// A client that can do with or without sessions asks first which it is. While a
// person signs in it is told to begin a session, and meets the stand-in.
func TestStandInAfterAProbe(t *testing.T) {
	l := newSlowLogin()
	probed := make(chan struct{})
	l.on["server/discover"] = func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) {
		close(probed)
		<-r.Context().Done()
	}
	r := l.rig(t)
	r.send(`{"jsonrpc":"2.0","id":"probe","method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
	<-probed
	if got := r.line(); !strings.Contains(got, `"id":"probe"`) || !strings.Contains(got, `-32601`) {
		t.Fatal(got)
	}
	r.send(initializeLine(1))
	if got := r.line(); !strings.Contains(got, `"name":"mcp-login"`) {
		t.Fatal(got)
	}
	l.signed <- realResult
	for range 3 {
		r.line()
	}
}

// The client may cancel initialize, or end, while our answer stands.
func TestStandInEnds(t *testing.T) {
	l := newSlowLogin()
	r := l.rig(t)
	r.send(initializeLine(1))
	r.line()
	_ = r.in.Close()
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// What is cancelled while the bridge speaks for the server is not sent when the person
// has signed in; a cancel of the initialize that was answered here changes nothing.
func TestSecondLookCancelDuringStandIn(t *testing.T) {
	l := newSlowLogin()
	l.pending.Store(false)
	r := l.rig(t)
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`
	r.send(initializeLine(1), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"cancelled"}}`, `{"jsonrpc":"2.0","id":3,"method":"resources/read"}`, `{"jsonrpc":"2.0","id":"p","method":"ping"}`)
	r.line() // the two calls wait now
	l.pending.Store(true)
	if got := r.line(); !strings.Contains(got, `"id":1,"result"`) {
		t.Error(got)
	}
	r.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, fmt.Sprintf(cancel, 1), fmt.Sprintf(cancel, 2), fmt.Sprintf(cancel, 2), fmt.Sprintf(cancel, 77))
	r.send(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"` + SignInTool + `"}}`)
	if got := r.line(); !strings.Contains(got, "needs a sign-in") {
		t.Error(got)
	}
	l.pending.Store(false)
	l.signed <- realResult
	changed, read := 0, 0
	for range 4 {
		switch got := r.line(); {
		case strings.Contains(got, "list_changed"):
			changed++
		case got == `{"jsonrpc":"2.0","id":3,"result":{}}`:
			read++
		default:
			t.Error(got)
		}
	}
	if changed != 3 || read != 1 || l.heard("tools/call") != 0 || l.heard("notifications/initialized") != 1 || l.heard("notifications/cancelled") != 0 {
		t.Errorf("%d lists changed, %d answers, the server heard %v", changed, read, l.methods)
	}
}

// A client that says initialize again while the first one is under way gets one answer
// to each, whether before, during or after the login.
func TestSecondLookInitializeTwice(t *testing.T) {
	answered := func(t *testing.T, r *rig, ids ...int) {
		t.Helper()
		for _, id := range ids {
			if got := r.line(); !strings.HasPrefix(got, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{`, id)) {
				t.Errorf("%s is no answer to %d", got, id)
			}
		}
	}
	t.Run("without a login", func(t *testing.T) {
		l := newSlowLogin()
		l.pending.Store(false)
		r := l.rig(t)
		r.send(initializeLine(1), initializeLine(2))
		l.signed <- realResult
		answered(t, r, 1)
		l.signed <- realResult
		answered(t, r, 2)
		r.send(initializeLine(3))
		l.signed <- realResult
		answered(t, r, 3)
	})
	t.Run("during the login", func(t *testing.T) {
		l := newSlowLogin()
		r := l.rig(t)
		r.send(initializeLine(1))
		answered(t, r, 1)
		r.send(initializeLine(2))
		answered(t, r, 2)
		l.pending.Store(false)
		l.signed <- realResult
		for range 3 {
			if got := r.line(); !strings.Contains(got, "list_changed") {
				t.Error(got)
			}
		}
		r.send(`{"jsonrpc":"2.0","id":3,"method":"x"}`)
		answered(t, r, 3)
		if l.heard("initialize") != 1 {
			t.Errorf("the server heard %v", l.methods)
		}
	})
}
