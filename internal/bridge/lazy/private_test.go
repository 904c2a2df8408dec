package lazy

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"mcp-login/internal/jsonrpc"
)

// What was said to one is shown to nobody else: another sign-in, another client, the same
// client with other capabilities or of another version. It hears the server, as without a lazy
// start, and the next time what that has said.
func TestKeptAnswersBelongToOne(t *testing.T) {
	for name, c := range map[string]struct {
		owner, params string
		known         bool
	}{
		"the same":           {"alice", clientParams, true},
		"another owner":      {"bob", clientParams, false},
		"nobody known":       {"", clientParams, false},
		"another revision":   {"alice", strings.Replace(clientParams, "06-18", "03-26", 1), false},
		"other capabilities": {"alice", strings.Replace(clientParams, `"capabilities":{}`, `"capabilities":{"roots":{}}`, 1), false},
		"another version":    {"alice", strings.Replace(clientParams, `"version":"1"`, `"version":"2"`, 1), false},
		"another client":     {"alice", strings.Replace(clientParams, `"name":"t"`, `"name":"u"`, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				m := learned(t, s)
				m.is(c.owner)
				for round := range 2 {
					client := run(t, s, m)
					client.ask("initialize", c.params)
					client.notify("notifications/initialized", "{}")
					client.lists()
					client.end()
					if asked, known := len(s.methods()) > 0, c.known || round == 1 && c.owner != ""; asked == known {
						t.Errorf("start %d: the server was asked: %v", round+1, asked)
					}
				}
			})
		})
	}
}

// Nor is what was said to one of them believed when only the description is the same.
func TestListsOfAnotherClientAreNotTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		params := strings.Replace(clientParams, `"capabilities":{}`, `"capabilities":{"roots":{}}`, 1)
		for range 2 {
			c := run(t, s, m)
			c.ask("initialize", params)
			c.end()
		}
		s.methods()
		c := run(t, s, m)
		c.ask("initialize", params)
		if got := s.methods(); len(got) > 0 {
			t.Errorf("not lazy: %v", got)
		}
		if c.ask("prompts/list", "{}"); len(s.methods()) == 0 {
			t.Error("the list was said to a client without roots")
		}
		c.end()
	})
}

// A description too large to be kept ends the one before.
func TestALargeDescription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		s.set("initialize", `"result":{"protocolVersion":"2025-06-18","capabilities":{},"instructions":"`+strings.Repeat("x", maxRecord)+`"}`)
		for range 2 {
			c := run(t, s, m)
			c.begin()
			c.ask("tools/call", "{}")
			c.end()
		}
		s.methods()
		c := run(t, s, m)
		if got := c.begin(); !strings.Contains(got, "xxx") || len(s.methods()) == 0 {
			t.Errorf("answered from what was kept: %.100s", got)
		}
		c.end()
	})
}

// Clients of one account do not take each other's place, unless their names share one of the 256.
func TestClientsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		for round := range 2 {
			for _, name := range []string{"a", "b", "c", ""} {
				client := run(t, s, m)
				client.ask("initialize", strings.Replace(clientParams, `"t"`, `"`+name+`"`, 1))
				client.ask("prompts/list", "{}")
				client.end()
			}
			if asked := len(s.methods()) > 0; asked != (round == 0) {
				t.Errorf("round %d: the server was asked: %v", round, asked)
			}
		}
	})
}

// Where nobody knows who has signed in nothing is kept, and it is said once.
func TestNobodyIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		m.is("")
		var log strings.Builder
		c := run(t, s, m, func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		c.begin()
		c.lists()
		c.begin()
		c.end()
		if strings.Count(log.String(), "it is not known who has signed in") != 1 || m.kept > 0 {
			t.Errorf("kept %d times; %s", m.kept, log.String())
		}
	})
}

// When somebody else signs in while the client runs, nothing is kept for either of them that
// the other was told: not in a list on its way, nor in those that are compared.
func TestAnotherSignInMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		c := run(t, s, m)
		c.begin()
		m.is("bob")
		s.set("prompts/list", `"result":{"prompts":[{"name":"of bob"}]}`)
		c.ask("prompts/list", "{}")
		c.end()
		for _, raw := range m.records {
			if r := decode(raw); r.Owner != "alice" || len(r.Lists) > 0 {
				t.Errorf("kept of a list on its way: %+v", r)
			}
		}

		s = newServer()
		m = learned(t, s)
		s.set("prompts/list", `"result":{"prompts":[{"name":"of bob"}]}`)
		c = run(t, s, m)
		c.begin()
		c.ask("prompts/list", "{}")
		s.before = func(context.Context, jsonrpc.Message) error {
			m.is("bob") // signed in with the first call
			return nil
		}
		c.ask("tools/call", "{}")
		if got := c.told(); !slices.Equal(got, []string{"notifications/prompts/list_changed"}) {
			t.Errorf("%v", got)
		}
		c.end()
		s.methods()
		for _, owner := range []string{"bob", "alice"} {
			m.is(owner)
			next := run(t, s, m)
			next.begin()
			next.ask("prompts/list", "{}")
			if got := s.methods(); (len(got) == 0) != (owner == "bob") {
				t.Errorf("%s is answered from what was said to bob, or bob is not: %v", owner, got)
			}
			next.ask("resources/list", "{}")
			if got := s.methods(); !slices.Contains(got, "resources/list") {
				t.Errorf("%s is answered from what was said to alice: %v", owner, got)
			}
			next.end()
		}
	})
}

// So it is before the first call: who has signed in since the client began is not shown what is
// kept for another.
func TestAnotherSignInBeforeTheFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := learned(t, s)
		c := run(t, s, m)
		c.begin()
		c.ask("prompts/list", "{}")
		m.is("bob")
		s.set("resources/list", `"result":{"resources":[{"uri":"bob:1"}]}`)
		if got := c.ask("ping", "{}"); got != `"result":{}` {
			t.Error(got)
		}
		if got := c.ask("resources/list", "{}"); !strings.Contains(got, "bob:1") {
			t.Errorf("bob is shown %s", got)
		}
		synctest.Wait()
		got := s.methods()
		if len(got) == 4 {
			slices.Sort(got[2:]) // the client's request and the comparison go side by side
		}
		if !slices.Equal(got, []string{"initialize", "notifications/initialized", "prompts/list", "resources/list"}) {
			t.Errorf("%v", got)
		}
		if got := c.told(); !slices.Equal(got, []string{"notifications/prompts/list_changed"}) {
			t.Errorf("bob's client was told alice's prompts, and hears %v", got)
		}
		c.end()

		s = newServer() // and so it is with the first call itself
		m = learned(t, s)
		c = run(t, s, m)
		c.begin()
		c.ask("prompts/list", "{}")
		m.is("bob")
		c.ask("tools/call", "{}")
		if got := c.told(); !slices.Equal(got, []string{"notifications/prompts/list_changed"}) {
			t.Errorf("bob's call, and the client hears %v", got)
		}
		c.end()
		for _, raw := range m.records {
			if r := decode(raw); r.Owner != "bob" || len(r.Lists) != 1 {
				t.Errorf("kept for bob: %+v", r)
			}
		}
	})
}

// Another description of the server is another version of it: lists that are not requested again
// are not believed.
func TestAnotherVersionOfTheServer(t *testing.T) {
	for name, change := range map[string]*strings.Replacer{
		"version":      strings.NewReplacer(`"version":"9"`, `"version":"10"`),
		"capabilities": strings.NewReplacer(`"x":1`, `"x":2`),
		"protocol":     strings.NewReplacer("2025-06-18", "2025-03-26"),
		"instructions": strings.NewReplacer(`"serverInfo"`, `"instructions":"be kind","serverInfo"`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				m := learned(t, s)
				s.set("initialize", `"result":`+change.Replace(description))
				c := run(t, s, m)
				c.begin()
				c.ask("tools/list", "{}")
				c.ask("tools/call", "{}")
				synctest.Wait()
				c.end()
				s.methods()
				next := run(t, s, m)
				if got, want := next.begin(), jsonrpc.Member([]byte(change.Replace(description)), "serverInfo"); !strings.Contains(got, string(want)) {
					t.Errorf("initialize: %s", got)
				}
				next.ask("tools/list", "{}")
				if got := s.methods(); len(got) > 0 {
					t.Errorf("the list that was told before is asked for: %v", got)
				}
				next.ask("prompts/list", "{}")
				synctest.Wait()
				if got := s.methods(); !slices.Contains(got, "prompts/list") {
					t.Errorf("a list of the version before is believed: %v", got)
				}
				next.end()
			})
		})
	}
}

// A list is kept whole or not at all, and within a bound; an error only if it is about the
// server.
func TestWhatIsKeptOfLists(t *testing.T) {
	large := `"result":{"tools":[{"name":"` + strings.Repeat("x", maxRecord) + `"}]}`
	for name, c := range map[string]struct {
		answers map[string]string
		params  []string
		kept    bool
	}{
		"one page":         {map[string]string{"tools/list": `"result":{"tools":[]}`}, []string{`{}`}, true},
		"an empty cursor":  {map[string]string{"tools/list": `"result":{"tools":[],"nextCursor":""}`}, []string{`{}`}, true},
		"all pages":        {nil, []string{`{}`, `{"cursor":"p2"}`}, true},
		"again from above": {nil, []string{`{}`, `{}`, `{"cursor":"p2"}`}, true},
		"the first page":   {nil, []string{`{}`}, false},
		"the last page":    {nil, []string{`{"cursor":"p2"}`}, false},
		"another page":     {nil, []string{`{}`, `{"cursor":"p3"}`, `{"cursor":"p2"}`}, false},
		"a filtered list":  {map[string]string{"tools/list": `"result":{"tools":[]}`}, []string{`{"filter":1}`}, false},
		"large pages":      {map[string]string{"tools/list": strings.TrimSuffix(large, "}") + `,"nextCursor":"p2"}`}, []string{`{}`}, false},
		"too large":        {map[string]string{"tools/list": large}, []string{`{}`}, false},
		"no such list":     {map[string]string{"tools/list": `"error":{"code":-32601,"message":"none"}`}, []string{`{}`}, true},
		"trouble":          {map[string]string{"tools/list": `"error":{"code":-32603,"message":"busy"}`}, []string{`{}`}, false},
		"one of ours":      {map[string]string{"tools/list": `"error":{"code":1003,"message":"refused"}`}, []string{`{}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m := newServer(), newMemory()
				for key, answer := range c.answers {
					s.set(key, answer)
				}
				first := run(t, s, m)
				first.begin()
				for _, params := range c.params {
					first.ask("tools/list", params)
				}
				for method, pages := range first.stage.partial {
					if len(pages) > maxRecord {
						t.Errorf("%s: %d bytes are held for what is not kept", method, len(pages))
					}
				}
				first.end()
				s.methods()
				second := run(t, s, m)
				second.begin()
				second.ask("tools/list", "{}")
				synctest.Wait()
				if got := s.methods(); (len(got) == 0) != c.kept {
					t.Errorf("the server heard %v", got)
				}
				second.end()
			})
		})
	}
}

const meta = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{},"traceparent":"TRACE"}}`

// Without sessions (MCP 2026-07-28) there is nothing to open: the first call is sent as it is.
// What is kept says that it may be used once only; other _meta of a request does not matter.
func TestWithoutSessions(t *testing.T) {
	for _, discovers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, m := newServer(), newMemory()
			s.set("server/discover", `"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public"}`)
			s.set("tools/list", `"result":{"tools":[{"name":"a"}],"ttlMs":60000}`)
			start := func(c *client, trace string) (said []string) {
				params := strings.Replace(meta, "TRACE", trace, 1)
				if discovers {
					said = append(said, c.ask("server/discover", params))
				}
				return append(said, c.ask("tools/list", params), c.ask("prompts/list", params))
			}
			first := run(t, s, m)
			said := start(first, "1")
			first.end()
			s.methods()

			second := run(t, s, m)
			got := start(second, "2")
			second.notify("notifications/cancelled", `{"requestId":9}`)
			if heard := s.methods(); len(heard) > 0 {
				t.Errorf("the server heard %v", heard)
			}
			for k := range said {
				want := strings.Replace(said[k], "60000", "0", 1)
				if !strings.Contains(said[k], "ttlMs") {
					want = strings.TrimSuffix(want, "}") + `,"ttlMs":0}`
				}
				if got[k] != want {
					t.Errorf("%s, want %s", got[k], want)
				}
			}
			s.set("tools/list", `"result":{"tools":[{"name":"new"}],"ttlMs":60000}`)
			second.ask("tools/call", meta)
			if told := second.told(); len(told) > 0 {
				t.Errorf("a client that has subscribed to nothing hears %v", told)
			}
			heard := s.methods()
			slices.Sort(heard)
			if !slices.Equal(heard, []string{"prompts/list", "tools/call", "tools/list"}) {
				t.Errorf("the call leads to %v", heard)
			}
			second.end()
			third := run(t, s, m)
			if got := start(third, "3"); !strings.Contains(got[len(got)-2], "new") || len(s.methods()) > 0 {
				t.Errorf("the next start: %v", got)
			}
			if third.ask("ping", meta); !slices.Contains(s.methods(), "ping") {
				t.Error("there is no ping without a session, which the server says")
			}
			third.end()
		})
	}
}

// A client of 2026-07-28 may say with each request that it can do something else: what it is told
// then is another list.
func TestOtherCapabilitiesInOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		c := run(t, s, m)
		c.ask("prompts/list", meta)
		s.set("prompts/list", `"result":{"prompts":[{"name":"for sampling"}]}`)
		c.ask("prompts/list", strings.Replace(meta, `Capabilities":{}`, `Capabilities":{"sampling":{}}`, 1))
		c.end()
		s.methods()
		next := run(t, s, m)
		if got := next.ask("prompts/list", meta); strings.Contains(got, "sampling") || len(s.methods()) > 0 {
			t.Error(got)
		}
		next.end()
	})
}

// Lists that are answered before the description that was requested with them are kept.
func TestListsBesideTheDescription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		open := make(chan struct{})
		s.before = func(_ context.Context, m jsonrpc.Message) error {
			if m.Method == "server/discover" {
				<-open
			}
			return nil
		}
		first := run(t, s, m)
		var discover sync.WaitGroup
		discover.Go(func() {
			first.send(t.Context(), jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":"d","method":"server/discover","params":`+meta+`}`)))
		})
		synctest.Wait()
		first.ask("prompts/list", meta)
		close(open)
		discover.Wait()
		first.end()
		s.methods()
		second := run(t, s, m)
		second.ask("server/discover", meta)
		second.ask("prompts/list", meta)
		if got := s.methods(); len(got) > 0 {
			t.Errorf("the server heard %v", got)
		}
		second.end()
	})
}

// A client of both generations at a server with sessions begins a session, as it did before.
func TestAServerThatIsNotDiscovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newServer(), newMemory()
		s.set("server/discover", `"error":{"code":-32000,"message":"Bad Request: no session"}`)
		first := run(t, s, m)
		first.ask("server/discover", meta)
		first.begin()
		first.ask("prompts/list", "{}")
		first.end()
		s.methods()
		for range 2 {
			c := run(t, s, m)
			if got := c.ask("server/discover", meta); !strings.Contains(got, `"code":-32601`) {
				t.Error(got)
			}
			if got := c.begin(); !strings.Contains(got, "listChanged") {
				t.Error(got)
			}
			c.ask("prompts/list", "{}")
			if got := s.methods(); len(got) > 0 {
				t.Errorf("the server heard %v", got)
			}
			c.ask("tools/call", "{}")
			synctest.Wait()
			s.methods()
			c.end()
		}
		other := run(t, s, m) // that has never been refused
		if other.ask("server/discover", strings.Replace(meta, `"version":"1"`, `"version":"2"`, 1)); len(s.methods()) != 1 {
			t.Error("a client that has not asked before is not let through")
		}
		other.end()
	})
}

// A server/discover that came to nothing for other reasons is sent again by the next start.
func TestAFailedDiscoverIsNotARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		fail   error
	}{
		"no network":      {"", errors.New("cannot reach the server")},
		"busy":            {`"error":{"code":-32603,"message":"busy"}`, nil},
		"one of ours":     {`"error":{"code":1003,"message":"refused"}`, nil},
		"a rate limit":    {`"error":{"code":-32029,"message":"later"}`, nil},
		"of the stand-in": {`"error":{"code":-32601,"message":"not known while a person signs in"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m := newServer(), newMemory()
				s.set("server/discover", c.answer)
				s.before = func(_ context.Context, m jsonrpc.Message) error {
					if m.Method == "server/discover" {
						return c.fail
					}
					return nil
				}
				standing := false
				first := run(t, s, m, func(cfg *Config) { cfg.Provisional = func() bool { return standing } })
				first.ask("server/discover", meta)
				standing = name == "of the stand-in"
				first.begin()
				standing = false
				first.begin() // when the person has signed in
				first.end()
				s.methods()
				next := run(t, s, m)
				if next.ask("server/discover", meta); len(s.methods()) == 0 {
					t.Error("the server is not asked again")
				}
				next.end()
			})
		})
	}
}

// Whatever is found in the place of a record, what is believed of it can be said to a client.
func FuzzRecord(f *testing.F) {
	r := record{Owner: "o", Client: "c", Refused: "r", Opening: []byte(description), Lists: map[string]outcome{"tools/list": {Result: []byte(`{"tools":[]}`)}, "prompts/list": {Error: []byte(`{"code":-32601}`)}}}
	f.Add(r.encode())
	for _, raw := range []string{"", "{}", "null", `{"Format":1}`, `{"Format":2,"Owner":"o"}`, `{"Format":1,"Opening":"bm8="}`, `{"Format":1,"Lists":{"tools/list":{}}}`, `{"Format":1,"Lists":{"tools/list":{"Result":"W10="}}}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := decode(raw)
		if r.Format != recordFormat && (r.Opening != nil || r.Lists != nil || r.Owner != "") {
			t.Fatal("another format is believed")
		}
		for _, method := range []string{"initialize", "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			m := jsonrpc.NewRequest([]byte("1"), method, nil)
			answer := r.answer(m, r.Client)
			if answer == nil {
				continue
			}
			if got := jsonrpc.Built(answer); !got.Answers(m) || !json.Valid(got.Raw) && json.Valid(raw) {
				t.Errorf("%s: %q", method, answer)
			}
		}
		again := decode(r.encode())
		if string(again.encode()) != string(r.encode()) {
			t.Errorf("%s is not read again", raw)
		}
	})
}
