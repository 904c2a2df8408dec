package protover

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

const capable = `{"tools":{},"logging":{},"resources":{"subscribe":true},"tasks":{},"x":{"y":1}}`

// begun is a client with sessions at a server of 2026-07-28 that has answered
// initialize.
func begun(t *testing.T, initialize string, capabilities string, on handler) (*client, *remote, string) {
	t.Helper()
	r := &remote{probe: discovers(capabilities, jsonrpc.Stateless), on: on}
	c := newClient(t, r, nil)
	got := c.ask(initialize)
	if len(got) != 1 {
		t.Fatal(got)
	}
	return c, r, got[0]
}

// The answer to initialize, for a revision that is known and one that is
// not; the id as it was spelled.
func TestInitializeIsAnsweredFromDiscover(t *testing.T) {
	c, r, got := begun(t, oldInitialize, capable, nil)
	defer c.end()
	want := `{"jsonrpc":"2.0","id":1.0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{},"resources":{"subscribe":true},"x":{"y":1}},"serverInfo":{"name":"s","version":"2"},"instructions":"hi","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}}`
	expect(t, []string{got}, want)
	want = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1","x":1},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}},"sampling":{},"roots":{},"extensions":{"a/b":{}}}}`
	if meta := string(r.probes[0].Param("_meta")); r.probes[0].Method != "server/discover" || meta != want {
		t.Errorf("%s\nwant %s", meta, want)
	}
	for asked, told := range map[string]string{"2024-11-05": "2024-11-05", "1999-01-01": "2025-11-25"} {
		c, _, got := begun(t, strings.Replace(oldInitialize, "2025-11-25", asked, 1), `{}`, nil)
		if version, _ := jsonrpc.Text(jsonrpc.Member([]byte(got), "result", "protocolVersion")); version != told {
			t.Errorf("asked for %s, told %s", asked, version)
		}
		c.end()
	}
}

// A server that does not say who it is gets a name, because sessions demand
// one.
func TestEmulatedSessionAlwaysNamesTheServer(t *testing.T) {
	r := &remote{probe: func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 200, reply(m, `{"supportedVersions":["2026-07-28"]}`), nil
	}}
	c := newClient(t, r, nil)
	defer c.end()
	want := `{"name":"host.example","version":"unknown"}`
	if got := string(jsonrpc.Member([]byte(c.ask(oldInitialize)[0]), "result", "serverInfo")); got != want {
		t.Error(got)
	}
}

// What did not exist in the client's revision is not declared for it.
func TestCapabilitiesUnknownToARevisionAreNotDeclared(t *testing.T) {
	for version, want := range map[string]string{
		"2024-11-05": `{"sampling":{}}`, "2025-03-26": `{"sampling":{}}`,
		"2025-06-18": `{"elicitation":{},"sampling":{}}`, "2025-11-25": `{"elicitation":{"form":{},"url":{}},"sampling":{}}`,
	} {
		if got := string(statelessCapabilities([]byte(`{"elicitation":{"form":{},"url":{}},"sampling":{}}`), version)); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
}

// What 2026-07-28 has no word for does not reach the server.
func TestSessionMessagesDoNotReachAStatelessServer(t *testing.T) {
	c, r, _ := begun(t, oldInitialize, `{}`, nil)
	defer c.end()
	for _, line := range []string{
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, `{"jsonrpc":"2.0","id":"nobody","result":{}}`,
	} {
		expect(t, c.ask(line))
	}
	expect(t, c.ask(`{"jsonrpc":"2.0","id":"p","method":"ping"}`), `{"jsonrpc":"2.0","id":"p","result":{}}`)
	if r.methods() != "" {
		t.Error(r.methods())
	}
}

// A request gets its _meta and keeps all else; notifications and
// answers pass as they are.
func TestRequestsCarryMeta(t *testing.T) {
	progress := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7}}`
	c, r, _ := begun(t, oldInitialize, `{}`, func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		sink.Message(jsonrpc.Built([]byte(progress)))
		sink.Message(reply(m, `{"resultType":"complete","n":1.0,"ttlMs":0}`))
		return nil
	})
	defer c.end()
	got := c.ask(`{"jsonrpc":"2.0","id":2.0,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":7,"traceparent":"00-x"},"n":1e0},"z":0}`)
	expect(t, got, progress, `{"jsonrpc":"2.0","id":2.0,"result":{"resultType":"complete","n":1.0,"ttlMs":0}}`)
	want := `{"jsonrpc":"2.0","id":2.0,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":7,"traceparent":"00-x","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1","x":1},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}},"sampling":{},"roots":{},"extensions":{"a/b":{}}}},"n":1e0},"z":0}`
	expect(t, []string{string(r.nth(0).Raw)}, want)
	c.ask(`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
	if version, _ := jsonrpc.Text(r.nth(1).Param("_meta", jsonrpc.MetaRevision)); version != jsonrpc.Stateless {
		t.Error(string(r.nth(1).Raw))
	}
}

// The log level is said with every later request, if the server has logs.
func TestLogLevelGoesIntoMeta(t *testing.T) {
	set := `{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"warning"}}`
	c, r, _ := begun(t, oldInitialize, capable, replies(`{}`))
	defer c.end()
	expect(t, c.ask(set), `{"jsonrpc":"2.0","id":2,"result":{}}`)
	c.ask(`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
	if got := string(r.nth(0).Param("_meta", metaLogLevel)); got != `"warning"` {
		t.Error(got)
	}
	if got := c.ask(strings.Replace(set, "warning", "loud", 1)); !strings.Contains(got[0], "-32602") {
		t.Error(got)
	}
	without, _, _ := begun(t, oldInitialize, `{}`, nil)
	defer without.end()
	if got := without.ask(set); !strings.Contains(got[0], "-32601") {
		t.Error(got)
	}
}

// The server's questions reach the client as requests; the
// request goes again under a new id, with the answers, the state to the byte,
// or none when there was none.
func TestInputRequestsBecomeRequests(t *testing.T) {
	round := 0
	c, r, _ := begun(t, oldInitialize, `{}`, func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		round++
		switch round {
		case 1:
			sink.Message(reply(m, `{"resultType":"input_required","inputRequests":{"é k":{"method":"elicitation/create","params":{"mode":"url","url":"https://x"}},"r":{"method":"roots/list"}},"requestState":"{\"n\": 1.0}\u0041"}`))
		case 2:
			sink.Message(reply(m, `{"resultType":"input_required","inputRequests":{"s":{"method":"sampling/createMessage","params":{"n":1.0}}}}`))
		default:
			sink.Message(reply(m, `{"resultType":"complete","content":[]}`))
		}
		return nil
	})
	defer c.end()
	done := make(chan error, 1)
	go func() {
		done <- c.send(t.Context(), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}`)
	}()
	questions := c.questions(2)
	if questions[0].Method != "elicitation/create" || questions[1].Method != "roots/list" || questions[0].Param("elicitationId") == nil || string(questions[0].Param("url")) != `"https://x"` {
		t.Fatal(questions)
	}
	c.answer(`{"jsonrpc":"2.0","id":` + string(questions[1].ID) + `,"result":{"roots":[]}}`)
	c.answer(`{"jsonrpc":"2.0","id":` + string(questions[0].ID) + `,"error":{"code":-1,"message":"no"}}`)
	third := c.questions(1)[0]
	c.answer(`{"jsonrpc":"2.0","id":` + string(third.ID) + `,"result":{"role":"assistant","n":1.0}}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	expect(t, c.heard(), `{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}`)
	first, second, last := r.nth(0), r.nth(1), r.nth(2)
	if string(first.ID) != "2" || string(second.ID) == "2" || string(last.ID) == string(second.ID) {
		t.Errorf("ids %s %s %s", first.ID, second.ID, last.ID)
	}
	expect(t, []string{string(second.Param("inputResponses")), string(second.Param("requestState")), string(last.Param("inputResponses")), string(last.Param("requestState"))},
		`{"é k":{"action":"cancel"},"r":{"roots":[]}}`, `"{\"n\": 1.0}\u0041"`, `{"s":{"role":"assistant","n":1.0}}`, "")
}

// answer sends an answer and leaves what was told for whoever waits for it: the
// next round may begin before send is back.
func (c *client) answer(raw string) {
	c.t.Helper()
	if err := c.send(c.t.Context(), raw); err != nil {
		c.t.Fatalf("%s: %v", raw, err)
	}
}

// questions waits for n requests to the client.
func (c *client) questions(n int) []jsonrpc.Message {
	c.t.Helper()
	var list []jsonrpc.Message
	for len(list) < n {
		select {
		case <-c.changed:
		case <-time.After(10 * time.Second):
			c.t.Fatalf("%d questions, want %d", len(list), n)
		}
		for _, raw := range c.heard() {
			if m := jsonrpc.Built([]byte(raw)); m.Kind == jsonrpc.Request {
				list = append(list, m)
			}
		}
	}
	return list
}

// What the client has not offered is not asked of it, what it refuses ends
// the request, and a server that never ends is left.
func TestRoundTripsAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ initialize, question, want string }{
		"not offered": {strings.Replace(oldInitialize, `"sampling":{},`, "", 1), `{"a":{"method":"sampling/createMessage"}}`, "did not offer"},
		"unknown":     {oldInitialize, `{"a":{"method":"tools/call"}}`, "did not offer"},
	} {
		client, r, _ := begun(t, c.initialize, `{}`, replies(`{"resultType":"input_required","inputRequests":`+c.question+`}`))
		err := client.send(t.Context(), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}`)
		if err == nil || !strings.Contains(err.Error(), c.want) || r.methods() != "tools/call" || len(client.heard()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		client.end()
	}
	synctest.Test(t, func(t *testing.T) {
		c, r, _ := begun(t, oldInitialize, `{}`, replies(`{"resultType":"input_required","requestState":"again"}`))
		defer c.end()
		err := c.send(t.Context(), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}`)
		if err == nil || len(r.sent) != maxRoundTrips || string(r.nth(1).Param("requestState")) != `"again"` || r.nth(1).Param("inputResponses") != nil {
			t.Error(err, len(r.sent))
		}
	})
}

// When the client cancels, its open questions are taken back, and nothing
// is said to the server.
func TestCancelTakesInputRequestsBack(t *testing.T) {
	c, r, _ := begun(t, oldInitialize, `{}`, replies(`{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}`))
	defer c.end()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.send(ctx, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}`)
	}()
	asked := c.questions(1)[0]
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	expect(t, c.heard(), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+string(asked.ID)+`}}`)
	if r.methods() != "tools/call" {
		t.Error(r.methods())
	}
}

// Output that clients with sessions would refuse is left out, the rest
// stays.
func TestOutputThatIsNoObjectIsLeftOut(t *testing.T) {
	c, _, _ := begun(t, oldInitialize, `{}`, func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Method == "tools/list" {
			sink.Message(reply(m, `{"tools":[{"name":"a","outputSchema":{"type":"array"},"n":1.0},{"name":"b","outputSchema":{"type":"object"}}]}`))
		} else {
			sink.Message(reply(m, `{"content":[],"structuredContent":[1]}`))
		}
		return nil
	})
	defer c.end()
	expect(t, c.ask(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`), `{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a","n":1.0},{"name":"b","outputSchema":{"type":"object"}}]}}`)
	expect(t, c.ask(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"a"}}`), `{"jsonrpc":"2.0","id":3,"result":{"content":[]}}`)
}

// One stream for everything the client listens to; it is replaced
// before it is closed, and what may have been missed in a gap is said anew.
func TestSubscriptionsShareOneListenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		updated := `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1","_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}}`
		open, lost := 0, make(chan struct{})
		c, r, _ := begun(t, oldInitialize, `{"tools":{"listChanged":true},"resources":{"subscribe":true}}`, func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			open++
			defer func() { open-- }()
			agreed := jsonrpc.With(m.Param("notifications"), "resourceSubscriptions", []byte(`["a:1"]`))
			sink.Message(jsonrpc.NewNotification("notifications/subscriptions/acknowledged", jsonrpc.With(nil, "notifications", agreed)))
			if len(texts(m.Param("notifications", "resourceSubscriptions"))) > 0 {
				sink.Message(jsonrpc.Built([]byte(updated)))
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-lost:
				return errors.New("line broken")
			}
		})
		c.ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		synctest.Wait()
		expect(t, []string{string(r.nth(0).Param("notifications"))}, `{"toolsListChanged":true}`)
		got := c.ask(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a:1"}}`)
		synctest.Wait()
		got = append(got, c.heard()...)
		if len(got) != 2 || (got[0] != updated && got[1] != updated) || open != 1 {
			t.Fatal(got, open)
		}
		expect(t, []string{string(r.nth(1).Param("notifications"))}, `{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}`)
		if got := c.ask(`{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"b:2"}}`); !strings.Contains(got[len(got)-1], "-32602") {
			t.Error("a subscription that the server does not honour:", got)
		}
		synctest.Wait()
		c.heard()
		lost <- struct{}{}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		expect(t, c.heard(), `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}`, updated)
		got = c.ask(`{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"a:1"}}`)
		expect(t, got, `{"jsonrpc":"2.0","id":4,"result":{}}`)
		synctest.Wait()
		if open != 1 {
			t.Error("streams open:", open)
		}
		c.end()
		synctest.Wait()
		if open != 0 || !r.closed {
			t.Error("streams left:", open)
		}
	})
}

// A server that refuses subscriptions is an answer to the client, and is not
// asked for ever.
func TestRefusedSubscriptionIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r, _ := begun(t, oldInitialize, `{"tools":{"listChanged":true}}`, fails(jsonrpc.CodeMethodNotFound))
		defer c.end()
		c.ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		time.Sleep(time.Hour)
		if r.methods() != "subscriptions/listen" {
			t.Error(r.methods())
		}
		err := c.send(t.Context(), `{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a:1"}}`)
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Error(err)
		}
	})
}

// A server that opens every subscription and ends it at once is asked a few times,
// however often it says yes.
func TestReopenedSubscriptionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var streams atomic.Int32
		c, _, _ := begun(t, oldInitialize, `{"tools":{"listChanged":true}}`, func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			streams.Add(1)
			sink.Message(jsonrpc.NewNotification("notifications/subscriptions/acknowledged", jsonrpc.With(nil, "notifications", m.Param("notifications"))))
			return nil
		})
		defer c.end()
		c.ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		time.Sleep(10 * time.Minute)
		if n := streams.Load(); n < 5 || n > 40 {
			t.Errorf("%d streams in ten minutes", n)
		}
	})
}
