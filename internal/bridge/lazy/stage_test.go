package lazy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// The second start of a client sends nothing to the server, and is answered as the first one
// was: but for lists on pages, which come whole, and for the promise that lists can change.
func TestSecondStartSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		first := run(t, s, m)
		if got := first.begin(); got != `"result":`+description {
			t.Errorf("the first start is answered by the server: %s", got)
		}
		real := first.lists()
		first.end()
		if got := s.methods(); !slices.Equal(got, []string{"initialize", "notifications/initialized", "tools/list", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}) {
			t.Errorf("the first start sends what the client says: %v", got)
		}

		second := run(t, s, m)
		want := strings.NewReplacer(`"tools":{}`, `"tools":{"listChanged":true}`, `"listChanged":false`, `"listChanged":true`, `{"subscribe":true}`, `{"subscribe":true,"listChanged":true}`).Replace(description)
		if got := second.begin(); got != `"result":`+want {
			t.Errorf("initialize: %s", got)
		}
		if got := second.ask("ping", "{}"); got != `"result":{}` {
			t.Errorf("ping: %s", got)
		}
		if got := second.lists(); !slices.Equal(got, real) {
			t.Errorf("the lists\n%v\nwere\n%v", got, real)
		}
		second.notify("notifications/roots/list_changed", "{}")
		second.notify("notifications/cancelled", `{"requestId":7}`)
		if got := second.ask("tools/list", `{"_meta":{"progressToken":1}}`); !strings.HasPrefix(got, `"result":{"tools":[{"name":"a","n":1.0},{"name":"b"},{"name":"c"}],"x":1`) {
			t.Errorf("tools on two pages, whole: %s", got)
		}
		second.end()
		if got := s.methods(); len(got) > 0 {
			t.Errorf("the server heard %v", got)
		}
	})
}

// The first request of any other kind opens the session as the client would have, and is sent
// once, behind it. Then the server is asked for the lists that the client was told, and for no
// others.
func TestFirstOtherRequestConnects(t *testing.T) {
	for _, c := range []struct{ method, params string }{
		{"tools/call", `{"name":"a"}`},
		{"prompts/get", `{"name":"p"}`},
		{"resources/read", `{"uri":"r:1"}`},
		{"resources/subscribe", `{"uri":"r:1"}`},
		{"completion/complete", `{}`},
		{"logging/setLevel", `{"level":"info"}`},
		{"tasks/list", `{}`},
		{"experimental/anything", `{}`},
		{"tools/list", `{"cursor":"p2"}`},
		{"tools/list", `{"filter":"x"}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer()
			m := learned(t, s)
			client := run(t, s, m)
			client.begin()
			client.ask("prompts/list", "{}")
			client.ask(c.method, c.params)
			synctest.Wait()
			first := s.heard[0]
			if got, want := s.methods(), []string{"initialize", "notifications/initialized", c.method, "prompts/list"}; !slices.Equal(got[:2], want[:2]) || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				t.Errorf("%s %s: %v", c.method, c.params, got)
			}
			if first != `{"jsonrpc":"2.0","id":1,"method":"initialize","params":`+clientParams+`}` {
				t.Errorf("%s: not the client's own initialize: %s", c.method, first)
			}
			if got := client.told(); len(got) > 0 {
				t.Errorf("%s: nothing has changed, and %v", c.method, got)
			}
			client.ask(c.method, c.params)
			client.ask("prompts/list", "{}")
			client.ask("ping", "{}")
			if got := s.methods(); !slices.Equal(got, []string{c.method, "prompts/list", "ping"}) {
				t.Errorf("%s: afterwards the server answers: %v", c.method, got)
			}
			client.end()
		})
	}
}

// When nothing is left to do but to look at what is kept, all else goes past the stage.
func TestStageLeavesThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		for _, m := range []*memory{newMemory(), learned(t, s)} {
			c := run(t, s, m)
			c.begin()
			c.ask("tools/call", "{}")
			synctest.Wait()
			for method, sees := range map[string]bool{"tools/call": false, "ping": false, "notifications/x": false, "tools/list": true, "resources/templates/list": true, "initialize": true, "server/discover": true} {
				message := jsonrpc.NewRequest([]byte("1"), method, nil)
				if _, past := jsonrpc.First(c.stage, message).(*server); past == sees {
					t.Errorf("%s goes past: %v", method, past)
				}
			}
			c.end()
		}
	})
}

// A list that is another one than the client was told is declared changed, if it was told that
// the server has such a list; and is what the next start is answered with.
func TestChangedListsAreAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		method, answer string
		want           string
	}{
		"tools":           {"tools/list p2", `"result":{"tools":[{"name":"d"}]}`, "tools"},
		"fewer pages":     {"tools/list", `"result":{"tools":[{"name":"a"}]}`, "tools"},
		"another cursor":  {"tools/list", `"result":{"tools":[{"name":"a","n":1.0},{"name":"b"},{"name":"c"}],"x":2}`, ""},
		"prompts":         {"prompts/list", `"result":{"prompts":[]}`, "prompts"},
		"no prompts":      {"prompts/list", `"error":{"code":-32601,"message":"gone"}`, "prompts"},
		"resources":       {"resources/list", `"result":{"resources":[]}`, "resources"},
		"templates":       {"resources/templates/list", `"result":{"resourceTemplates":[]}`, "resources"},
		"trouble":         {"tools/list", `"error":{"code":-32603,"message":"in a moment"}`, "tools"},
		"an endless list": {"tools/list p2", `"result":{"tools":[{"name":"a"}],"nextCursor":"p2"}`, "tools"},
		"another _meta":   {"prompts/list", `"result":{"prompts":[{"name":"p"}],"_meta":{"at":2}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				m := learned(t, s)
				s.set(c.method, c.answer)
				client := run(t, s, m)
				client.begin()
				client.lists()
				client.ask("tools/call", "{}")
				var want []string
				if c.want != "" {
					want = []string{"notifications/" + c.want + "/list_changed"}
				}
				if got := client.told(); !slices.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				s.methods()
				switch {
				case c.want == "":
					client.end()
					return
				case name == "trouble" || name == "an endless list": // and so it is believed no longer
					client.end()
					next := run(t, s, m)
					next.begin()
					if next.ask("tools/list", "{}"); len(s.methods()) == 0 {
						t.Error("the next start is answered with the list that could not be compared")
					}
					next.end()
					return
				}
				changed := client.lists()
				client.end()
				if got := s.methods(); len(got) == 0 {
					t.Error("the client asks again, and the server does not hear of it")
				}
				next := run(t, s, m)
				next.begin()
				if got := next.lists(); !slices.Equal(got, changed) || len(s.methods()) > 0 {
					t.Errorf("the next start: %v, want %v", got, changed)
				}
				next.end()
			})
		})
	}
}

// What the server does not say it has is not declared changed.
func TestUndeclaredListsAreNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.set("initialize", `"result":{"protocolVersion":"2025-06-18","capabilities":{"prompts":{}},"serverInfo":{"name":"real","version":"9"}}`)
		m := learned(t, s)
		s.set("tools/list", `"result":{"tools":[]}`)
		c := run(t, s, m)
		c.begin()
		c.lists()
		c.ask("tools/call", "{}")
		if got := c.told(); len(got) > 0 {
			t.Error(got)
		}
		c.end()
	})
}

// All calls that come while the session is opened wait for the one initialize; each is sent
// once.
func TestCallsShareOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		open := make(chan struct{})
		s.before = func(_ context.Context, m jsonrpc.Message) error {
			if m.Method == "initialize" {
				<-open
			}
			return nil
		}
		c := run(t, s, m)
		c.begin()
		var calls sync.WaitGroup
		for id := range 20 {
			calls.Go(func() {
				call := jsonrpc.NewRequest(jsonrpc.Quote(string(rune('a'+id))), "tools/call", nil)
				if got := c.send(t.Context(), call); got != `"result":{}` {
					t.Errorf("%d: %s", id, got)
				}
			})
		}
		synctest.Wait()
		if got := c.ask("prompts/list", "{}"); !strings.Contains(got, `"name":"p"`) {
			t.Errorf("a list meanwhile: %s", got)
		}
		if got := s.methods(); !slices.Equal(got, []string{"initialize"}) {
			t.Errorf("%v", got)
		}
		close(open)
		calls.Wait()
		synctest.Wait()
		got := s.methods()
		count := map[string]int{}
		for _, method := range got {
			count[method]++
		}
		if got[0] != "notifications/initialized" || count["tools/call"] != 20 || count["notifications/initialized"] != 1 || count["prompts/list"] != 1 || len(got) != 22 {
			t.Errorf("%v", got)
		}
		c.end()
	})
}

// Why there is no session is the answer to the call, which is not sent. The next one tries
// again.
func TestAFailedConnectionIsTheAnswer(t *testing.T) {
	refusal := `"error":{"code":-32000,"message":"not now","data":{"x":1}}`
	for name, c := range map[string]struct {
		fail error
		set  string
		want string
	}{
		"no connection": {errors.New("cannot reach the server"), "", "error: cannot reach the server"},
		"a refusal":     {nil, refusal, refusal},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				m := learned(t, s)
				real := s.answers["initialize"]
				if c.set != "" {
					s.set("initialize", c.set)
				}
				s.before = func(context.Context, jsonrpc.Message) error { return c.fail }
				client := run(t, s, m)
				client.begin()
				client.ask("tools/list", "{}")
				for range 2 {
					if got := client.ask("tools/call", "{}"); got != c.want {
						t.Errorf("%s, want %s", got, c.want)
					}
				}
				if got := client.ask("tools/list", "{}"); !strings.Contains(got, `"name":"c"`) {
					t.Errorf("a list: %s", got)
				}
				s.set("initialize", real)
				s.before = nil
				if got := client.ask("tools/call", "{}"); got != `"result":{}` {
					t.Errorf("when it works again: %s", got)
				}
				synctest.Wait()
				if got := s.methods(); !slices.Equal(got[:4], []string{"initialize", "initialize", "initialize", "notifications/initialized"}) || slices.Index(got[4:], "tools/call") < 0 {
					t.Errorf("%v", got)
				}
				client.end()
			})
		})
	}
}

// A call that is cancelled while the session is opened is never sent; the session is opened
// for the others.
func TestACancelledCallIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		open := make(chan struct{})
		s.before = func(_ context.Context, m jsonrpc.Message) error {
			if m.Method == "initialize" {
				<-open
			}
			return nil
		}
		c := run(t, s, m)
		c.begin()
		ctx, cancel := context.WithCancelCause(t.Context())
		answer := make(chan string)
		go func() { answer <- c.send(ctx, jsonrpc.NewRequest([]byte("7"), "tools/call", nil)) }()
		synctest.Wait()
		c.notify("notifications/cancelled", `{"requestId":7}`)
		cancel(errors.New("cancelled"))
		if got := <-answer; got != "error: cancelled" {
			t.Error(got)
		}
		close(open)
		synctest.Wait()
		if got := s.methods(); !slices.Equal(got, []string{"initialize", "notifications/initialized"}) {
			t.Errorf("%v", got)
		}
		c.end()
	})
}

// The end of the client ends a connection under way, and whoever waits for it.
func TestCloseEndsAConnectionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		s.before = func(ctx context.Context, _ jsonrpc.Message) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		c := run(t, s, m)
		c.begin()
		answer := make(chan string)
		go func() { answer <- c.ask("tools/call", "{}") }()
		synctest.Wait()
		c.end()
		if got := <-answer; got != "error: context canceled" {
			t.Error(got)
		}
		s.methods()
		if got := c.ask("tools/call", "{}"); got != "error: context canceled" || len(s.methods()) > 0 {
			t.Errorf("after the end: %s", got)
		}
	})
}

// A client that begins again as another one is left to the server, and what it was told before
// is not asked for in the new session.
func TestAClientThatBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		c := run(t, s, m)
		c.begin()
		c.lists()
		if got := c.begin(); !strings.Contains(got, "listChanged") || len(s.methods()) > 0 {
			t.Errorf("the same again: %s", got)
		}
		c.ask("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"other","version":"1"}}`)
		synctest.Wait()
		if got := s.methods(); !slices.Equal(got, []string{"initialize"}) {
			t.Errorf("%v", got)
		}
		c.end()
	})
}

// While the stand-in for a sign-in answers, the client hears it: nothing of that is kept, and
// what was kept stays for the one it belongs to.
func TestTheStandInIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		before := m.kept
		standing := true
		signed := make(chan struct{})
		s.set("tools/list", `"result":{"tools":[{"name":"mcp_login_sign_in"}]}`)
		c := run(t, standIn{s, signed}, m, func(cfg *Config) { cfg.Provisional = func() bool { return standing } })
		c.begin()
		c.lists()
		s.methods()
		c.ask("tools/call", "{}")
		if got := c.told(); !slices.Equal(got, []string{"notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/resources/list_changed"}) {
			t.Errorf("the client asks for the tool to sign in with only if it hears of it: %v", got)
		}
		if got := s.methods(); !slices.Equal(got, []string{"initialize", "notifications/initialized", "tools/call"}) {
			t.Errorf("%v", got)
		}
		if got := c.ask("tools/list", "{}"); !strings.Contains(got, "sign_in") {
			t.Errorf("the tools: %s", got)
		}
		standing = false // it came to nothing
		close(signed)
		synctest.Wait()
		c.ask("tools/list", "{}")
		c.end()
		if m.kept != before {
			t.Error("the stand-in's words were kept")
		}
		next := run(t, s, m)
		next.begin()
		if got := next.ask("tools/list", "{}"); strings.Contains(got, "sign_in") {
			t.Error(got)
		}
		next.end()
	})
}

// The same holds for a session that is begun again when the login has ended.
func TestTheStandInOfALaterSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		var standing atomic.Bool
		signed := make(chan struct{})
		close(signed)
		c := run(t, standIn{s, signed}, m, func(cfg *Config) { cfg.Provisional = standing.Load })
		c.begin()
		c.lists()
		synctest.Wait() // it is kept
		standing.Store(true)
		c.stage.cfg.Server = standIn{s, make(chan struct{})} // whose person does not come
		ctx, leave := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			c.send(ctx, jsonrpc.NewRequest([]byte("9"), "initialize", []byte(clientParams)))
		}()
		synctest.Wait()
		s.set("prompts/list", `"result":{"prompts":[{"name":"of the stand-in"}]}`)
		c.ask("prompts/list", "{}")
		standing.Store(false) // it came to nothing, and the stand-in goes on
		c.ask("prompts/list", "{}")
		leave()
		<-over
		c.end()
		next := run(t, s, m)
		next.begin()
		if got := next.ask("prompts/list", "{}"); strings.Contains(got, "stand-in") {
			t.Error(got)
		}
		next.end()
	})
}

// A server that does not take notifications/initialized keeps the first call for as long as any
// other notification would, and no longer.
func TestAServerThatDoesNotTakeTheNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		c := run(t, deaf{s}, m)
		c.begin()
		began := time.Now()
		if got := c.ask("tools/call", "{}"); got != `"result":{}` || time.Since(began) != takeTimeout {
			t.Errorf("after %v: %s", time.Since(began), got)
		}
		c.end()
	})
}

// deaf is a server that takes no notification.
type deaf struct{ *server }

func (s deaf) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Kind == jsonrpc.Notification {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s.server.Send(ctx, m, sink)
}

// A client that leaves before its lists are compared leaves none that may be old.
func TestAListThatWasNotComparedIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		s.before = func(ctx context.Context, m jsonrpc.Message) error {
			if m.Method != "prompts/list" {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		c := run(t, s, m)
		c.begin()
		c.ask("prompts/list", "{}")
		c.ask("tools/call", "{}")
		c.end()
		if got := c.told(); len(got) > 0 {
			t.Errorf("after its end the client hears %v", got)
		}
		s.before = nil
		s.methods()
		next := run(t, s, m)
		next.begin()
		next.ask("resources/list", "{}")
		if got := s.methods(); len(got) > 0 {
			t.Errorf("what the client was not told is not kept: %v", got)
		}
		next.ask("prompts/list", "{}")
		if got := s.methods(); len(got) == 0 {
			t.Error("an old list is told again")
		}
		next.end()
	})
}

// Neither the answer to initialize nor the first call waits until the record is kept; the end of
// the run does. The first call leads to one record, when the lists are compared.
func TestNobodyWaitsForTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		for round, want := range []int{2, 1} {
			slow := &slowMemory{memory: m, write: make(chan struct{})}
			before := m.kept
			c := run(t, s, m, func(cfg *Config) { cfg.Memory = slow })
			s.set("initialize", `"result":`+strings.Replace(description, `"9"`, `"1`+strings.Repeat("0", round)+`"`, 1))
			c.begin()
			c.ask("prompts/list", "{}")
			c.ask("tools/call", "{}")
			if round > 0 {
				synctest.Wait() // the lists are compared
			}
			close(slow.write)
			c.end()
			if got := m.kept - before; got > want || got == 0 {
				t.Errorf("start %d: kept %d times", round+1, got)
			}
		}
		s.methods()
		next := run(t, s, m)
		if got := next.begin(); !strings.Contains(got, `"10"`) {
			t.Error(got)
		}
		if next.ask("prompts/list", `{"_meta":{"progressToken":1}}`); len(s.methods()) > 0 {
			t.Error("not kept at the end")
		}
		before := m.kept
		next.ask("tools/call", "{}")
		synctest.Wait()
		if heard := strings.Join(s.heard, "\n"); !strings.Contains(heard, "prompts/list") || strings.Contains(heard, "progressToken") {
			t.Errorf("the list is compared with %s", heard)
		}
		next.end()
		if m.kept != before {
			t.Error("kept again, and nothing has changed")
		}
	})
}

// slowMemory keeps nothing until write is closed.
type slowMemory struct {
	*memory
	write chan struct{}
}

func (m *slowMemory) Keep(name string, record []byte) {
	<-m.write
	m.memory.Keep(name, record)
}

// A call that finds the session opened meanwhile opens no second one.
func TestACallBehindAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := &slowOwner{memory: learned(t, s), look: make(chan struct{})}
		c := run(t, s, m.memory, func(cfg *Config) { cfg.Memory = m })
		c.begin()
		m.slow.Store(true)
		var first sync.WaitGroup
		first.Go(func() { c.send(t.Context(), jsonrpc.NewRequest([]byte(`"first"`), "tools/call", nil)) })
		synctest.Wait()
		c.ask("initialize", strings.Replace(clientParams, `"version":"1"`, `"version":"2"`, 1))
		close(m.look)
		first.Wait()
		if got := s.methods(); !slices.Equal(got, []string{"initialize", "tools/call"}) {
			t.Errorf("%v", got)
		}
		c.end()
	})
}

// slowOwner takes its time to say once whose the answers are.
type slowOwner struct {
	*memory
	slow atomic.Bool
	look chan struct{}
}

func (m *slowOwner) Owner() string {
	if m.slow.Swap(false) {
		<-m.look
	}
	return m.memory.Owner()
}
