package protover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// sessionServer is a remote with sessions; tools is what it does with requests
// of the client.
func sessionServer(tools func(ctx context.Context, r *remote, m jsonrpc.Message, sink jsonrpc.Sink) error) *remote {
	r := &remote{probe: func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 200, failure(m, jsonrpc.CodeMethodNotFound, ""), nil
	}}
	r.on = func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		switch {
		case m.Method == "initialize":
			sink.Message(reply(m, oldResult))
		case m.Kind != jsonrpc.Request:
			if tools != nil {
				return tools(ctx, r, m, sink)
			}
		case strings.HasPrefix(m.Method, "resources/s"), strings.HasPrefix(m.Method, "resources/u"), m.Method == "logging/setLevel":
			sink.Message(reply(m, `{}`))
		case tools != nil:
			return tools(ctx, r, m, sink)
		}
		return nil
	}
	return r
}

func modernCall(id, extra string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t",` + extra + modernMeta + `}}`
}

// A session is opened with what the first request says of the client, once.
func TestSessionIsOpenedForAStatelessClient(t *testing.T) {
	r := sessionServer(func(_ context.Context, _ *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind == jsonrpc.Request {
			sink.Message(reply(m, `{"content":[],"n":1.0}`))
		}
		return nil
	})
	c := newClient(t, r, nil)
	defer c.end()
	got := c.ask(modernCall("5.0", `"n":1e0,`))
	expect(t, got, `{"jsonrpc":"2.0","id":5.0,"result":{"content":[],"n":1.0,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}}`)
	c.ask(modernCall("6", ""))
	if r.methods() != "initialize notifications/initialized tools/call tools/call" || len(r.probes) != 1 {
		t.Fatal(r.methods())
	}
	expect(t, []string{string(r.nth(0).Params), string(r.nth(2).Params)},
		`{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}`, `{"name":"t","n":1e0}`)
	more := strings.Replace(modernCall("7", ""), `{"elicitation":{}}`, `{"sampling":{}}`, 1)
	c.ask(more)
	expect(t, []string{string(r.nth(4).Param("capabilities"))}, `{"elicitation":{},"sampling":{}}`)
}

// Discover is answered from the session, for a client that goes on
// after its probe was refused.
func TestDiscoverIsAnsweredFromTheSession(t *testing.T) {
	c := newClient(t, sessionServer(nil), nil)
	defer c.end()
	probe := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modernMeta + `}}`
	if got := c.ask(probe); !strings.Contains(got[0], "-32601") {
		t.Fatal(got)
	}
	expect(t, c.ask(probe), `{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}},"instructions":"hi","resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}}`)
}

// A server that refuses the session too is refused by name.
func TestServerWithoutACommonRevisionIsRefused(t *testing.T) {
	for _, answer := range []string{`{"error":{"code":-32602,"message":"no"}}`, `{"result":{"protocolVersion":"1999-01-01"}}`} {
		r := sessionServer(nil)
		r.on = func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			sink.Message(jsonrpc.Built(jsonrpc.With([]byte(answer), "id", m.ID)))
			return nil
		}
		c := newClient(t, r, nil)
		err := c.send(t.Context(), modernCall("1", ""))
		if err == nil || !strings.Contains(err.Error(), "2026-07-28") || !strings.Contains(err.Error(), "2025-11-25") {
			t.Errorf("%s: %v", answer, err)
		}
		c.end()
	}
}

// A server's question is the result of the client's request; the request
// that brings the answer goes on where the first one stopped.
func TestServerRequestsBecomeInputRequired(t *testing.T) {
	answered := make(chan jsonrpc.Message, 2)
	r := sessionServer(func(ctx context.Context, _ *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind != jsonrpc.Request {
			if m.Kind == jsonrpc.Response {
				answered <- m
			}
			return nil
		}
		for _, id := range []string{`"q"`, "7.0"} {
			sink.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"elicitation/create","params":{"message":"m","elicitationId":"e","n":1.0}}`)))
			select {
			case <-answered:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			sink.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`)))
		}
		sink.Message(reply(m, `{"content":[]}`))
		return nil
	})
	c := newClient(t, r, nil)
	defer c.end()
	handles := map[string]bool{}
	id, extra := "1", ""
	for round := range 2 {
		got := c.ask(modernCall(id, extra))
		if round == 1 { // progress comes before the next question
			if len(got) != 2 || jsonrpc.Built([]byte(got[0])).Method != "notifications/progress" {
				t.Fatal(got)
			}
			got = got[1:]
		}
		asked := jsonrpc.Built([]byte(got[0]))
		if string(asked.ID) != id || string(jsonrpc.Member(asked.Result, "inputRequests")) != `{"q1":{"method":"elicitation/create","params":{"message":"m","n":1.0}}}` {
			t.Fatal(got)
		}
		handle := string(jsonrpc.Member(asked.Result, "requestState"))
		if handles[handle] || len(handle) < 20 {
			t.Fatal("handle", handle)
		}
		handles[handle] = true
		id, extra = id+"1", `"requestState":`+handle+`,"inputResponses":{"q1":{"action":"accept","n":1.0}},`
	}
	got := c.ask(modernCall(id, extra))
	if last := jsonrpc.Built([]byte(got[len(got)-1])); string(last.ID) != id || string(jsonrpc.Member(last.Result, "resultType")) != `"complete"` {
		t.Fatal(got)
	}
	if r.methods() != `initialize notifications/initialized tools/call answer "q" answer 7.0` {
		t.Error(r.methods())
	}
	expect(t, []string{string(r.nth(3).Result)}, `{"action":"accept","n":1.0}`)
	for handle := range handles { // used up
		if got := c.ask(modernCall("9", `"requestState":`+handle+`,`)); !strings.Contains(got[0], "-32602") {
			t.Error(got)
		}
	}
}

// Nobody gets at another request's state, and one that nobody comes back
// for is cancelled at the server.
func TestRequestStateIsBoundAndExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sessionServer(func(ctx context.Context, _ *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
			if m.Kind == jsonrpc.Request {
				sink.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}`)))
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		})
		c := newClient(t, r, nil)
		defer c.end()
		state := string(jsonrpc.Member([]byte(c.ask(modernCall("1", ""))[0]), "result", "requestState"))
		other := strings.Replace(modernCall("2", `"requestState":`+state+`,`), `"name":"t"`, `"name":"u"`, 1)
		if got := c.ask(other); !strings.Contains(got[0], "-32602") {
			t.Error(got)
		}
		again := c.ask(modernCall("3", `"requestState":`+state+`,"inputResponses":{},`)) // no answer: asked again
		if jsonrpc.Member([]byte(again[0]), "result", "inputRequests", "q1") == nil {
			t.Error(again)
		}
		time.Sleep(inputTimeout + time.Second)
		synctest.Wait()
		if !strings.HasSuffix(r.methods(), "tools/call notifications/cancelled") || string(r.nth(3).Param("requestId")) != string(r.nth(2).ID) {
			t.Error(r.methods())
		}
	})
}

// What the request has not declared, and what belongs to no request,
// is refused at the server and never reaches the client; ping is answered.
func TestServerRequestsThatAreNotForTheClient(t *testing.T) {
	answers := make(chan jsonrpc.Message, 1)
	r := sessionServer(func(_ context.Context, r *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind == jsonrpc.Response {
			answers <- m
		}
		if m.Kind != jsonrpc.Request {
			return nil
		}
		for _, ask := range []string{`{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}`, `{"jsonrpc":"2.0","id":2,"method":"ping"}`} {
			sink.Message(jsonrpc.Built([]byte(ask)))
			if got := <-answers; (string(got.ID) == "2") != (got.Result != nil) {
				t.Errorf("%s: %s", ask, got.Raw)
			}
		}
		sink.Message(reply(m, `{}`))
		return nil
	})
	c := newClient(t, r, nil)
	defer c.end()
	if got := c.ask(modernCall("1", "")); len(got) != 1 {
		t.Error(got)
	}
	r.unasked.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":3,"method":"elicitation/create","params":{}}`)))
	if got := <-answers; got.Error == nil || string(got.ID) != "3" {
		t.Error(string(got.Raw))
	}
	expect(t, c.heard())
}

// What the client cancels, the server hears of by the id it knows.
func TestCancelReachesTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sessionServer(func(ctx context.Context, _ *remote, m jsonrpc.Message, _ jsonrpc.Sink) error {
			if m.Kind == jsonrpc.Request {
				<-ctx.Done()
			}
			return nil
		})
		c := newClient(t, r, nil)
		defer c.end()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := c.send(ctx, modernCall("1", "")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		if r.methods() != "initialize notifications/initialized tools/call notifications/cancelled" || string(r.nth(3).Param("requestId")) != string(r.nth(2).ID) {
			t.Error(r.methods())
		}
	})
}

// Errors that 2026-07-28 no longer has.
func TestErrorsOfSessionServersAreTranslated(t *testing.T) {
	old, data := codeOldNotFound, ""
	r := sessionServer(func(_ context.Context, _ *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind == jsonrpc.Request {
			sink.Message(failure(m, old, data))
		}
		return nil
	})
	c := newClient(t, r, nil)
	defer c.end()
	if got := c.ask(modernCall("1", "")); !strings.Contains(got[0], `"code":-32602,"message":"m"`) {
		t.Error(got)
	}
	old, data = codeOldURLNeeded, `{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://x","message":"m"}]}`
	withURL := strings.Replace(modernCall("2", ""), `{"elicitation":{}}`, `{"elicitation":{"url":{}}}`, 1)
	got := c.ask(withURL)
	expect(t, []string{string(jsonrpc.Member([]byte(got[0]), "result", "inputRequests"))}, `{"q1":{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"m"}}}`)
	sent := len(r.sent)
	if got := c.ask(modernCall("3", `"inputResponses":{"q1":{"action":"decline"}},`)); !strings.Contains(got[0], "declined") || len(r.sent) != sent {
		t.Error(got)
	}
	c.ask(modernCall("4", `"inputResponses":{"q1":{"action":"accept"}},`))
	if string(r.nth(len(r.sent)-1).Params) != `{"name":"t"}` {
		t.Error(string(r.nth(len(r.sent) - 1).Raw))
	}
}

// Subscriptions/listen is served with the session's own means.
func TestListenIsServedFromTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sessionServer(nil)
		c := newClient(t, r, nil)
		defer c.end()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		listen := func(ctx context.Context, id, filter string) {
			done <- c.send(ctx, `{"jsonrpc":"2.0","id":`+id+`,"method":"subscriptions/listen","params":{"notifications":`+filter+`,`+modernMeta+`}}`)
		}
		go listen(ctx, "1.0", `{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["a:1"]}`)
		synctest.Wait()
		expect(t, c.heard(), `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1"]},"_meta":{"io.modelcontextprotocol/subscriptionId":1.0}}}`)
		for _, method := range []string{"notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/roots/list_changed"} {
			r.unasked.Message(jsonrpc.NewNotification(method, nil))
		}
		r.unasked.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1/b"}}`)))
		expect(t, c.heard(), `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1.0}}}`,
			`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1/b","_meta":{"io.modelcontextprotocol/subscriptionId":1.0}}}`)
		closing, end := context.WithCancelCause(t.Context())
		go listen(closing, `"b"`, `{"resourceSubscriptions":["a:1","a:1"]}`)
		synctest.Wait()
		c.heard()
		cancel()
		synctest.Wait()
		if err := <-done; !errors.Is(err, context.Canceled) || strings.Contains(r.methods(), "unsubscribe") {
			t.Error("the other listener still wants it:", err, r.methods())
		}
		end(errors.New("the bridge ends"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		expect(t, c.heard(), `{"jsonrpc":"2.0","id":"b","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"b"}}}`)
		if n := strings.Count(r.methods(), "resources/subscribe"); n != 1 {
			t.Error(n, "subscriptions")
		}
	})
}

// Logs reach only the request that asked for them, at its level.
func TestLogsGoToTheRequestThatAskedForThem(t *testing.T) {
	r := sessionServer(func(_ context.Context, r *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind != jsonrpc.Request {
			return nil
		}
		for _, level := range []string{"debug", "error"} {
			log := jsonrpc.Built([]byte(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"` + level + `"}}`))
			sink.Message(log)
			r.unasked.Message(log)
		}
		sink.Message(reply(m, `{}`))
		return nil
	})
	c := newClient(t, r, nil)
	defer c.end()
	if got := c.ask(modernCall("1", "")); len(got) != 1 {
		t.Error(got)
	}
	wanting := strings.Replace(modernCall("2", ""), modernMeta, strings.Replace(modernMeta, `"_meta":{`, `"_meta":{"io.modelcontextprotocol/logLevel":"warning",`, 1), 1)
	got := c.ask(wanting)
	if len(got) != 3 || !strings.Contains(got[0], `"error"`) || !strings.Contains(got[1], `"error"`) {
		t.Error(got)
	}
	c.ask(wanting)
	if n := strings.Count(r.methods(), "logging/setLevel"); n != 1 {
		t.Error(n, "levels set")
	}
}

// A client whose probe was answered too late goes on as one with sessions.
func TestStatelessClientGoesOnWithASession(t *testing.T) {
	r := sessionServer(nil)
	c := newClient(t, r, nil)
	defer c.end()
	c.ask(modernCall("1", "")) // a session of ours
	got := c.ask(oldInitialize)
	if len(got) != 1 || !strings.Contains(got[0], "2025-06-18") {
		t.Error(got)
	}
	raw := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}`
	c.ask(raw)
	if last := r.nth(len(r.sent) - 1); string(last.Raw) != raw {
		t.Error(string(last.Raw))
	}
}

// A server that was known for sessions and refuses one is looked at anew with
// the client's next request.
func TestServerThatLosesSessionsIsAskedAgain(t *testing.T) {
	r := &remote{probe: discovers(`{}`, jsonrpc.Stateless)}
	r.on = func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Method == "initialize" {
			sink.Message(failure(m, codeHeaderMismatch, ""))
		} else {
			sink.Message(reply(m, `{"resultType":"complete"}`))
		}
		return nil
	}
	memory := &memoryOfRun{support: Sessions}
	c := newClient(t, r, memory)
	defer c.end()
	if err := c.send(t.Context(), modernCall("1", "")); err == nil || memory.Recall() != Unknown {
		t.Fatal(err, memory.Recall())
	}
	expect(t, c.ask(modernCall("2", "")), `{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete"}}`)
	if memory.Recall() != Stateless {
		t.Error(memory.Recall())
	}
}

// Progress after a question carries the token of the request that the
// client now waits for.
func TestProgressCarriesTheTokenOfTheLatestRequest(t *testing.T) {
	answered := make(chan struct{}, 1)
	r := sessionServer(func(_ context.Context, _ *remote, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Kind == jsonrpc.Response {
			answered <- struct{}{}
		}
		if m.Kind == jsonrpc.Request {
			sink.Message(jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}`)))
			<-answered
			sink.Message(jsonrpc.NewNotification("notifications/progress", jsonrpc.With([]byte(`{"progress":1.0}`), "progressToken", m.Param("_meta", "progressToken"))))
			sink.Message(reply(m, `{}`))
		}
		return nil
	})
	for token, want := range map[string]string{`"progressToken":"new",`: `{"progress":1.0,"progressToken":"new"}`, "": ""} {
		c := newClient(t, r, nil)
		with := func(token, call string) string { return strings.Replace(call, `"_meta":{`, `"_meta":{`+token, 1) }
		state := string(jsonrpc.Member([]byte(c.ask(with(`"progressToken":1,`, modernCall("1", "")))[0]), "result", "requestState"))
		got := c.ask(with(token, modernCall("2", `"requestState":`+state+`,"inputResponses":{"q1":{"action":"accept"}},`)))
		heard := ""
		if len(got) == 2 {
			heard = string(jsonrpc.Built([]byte(got[0])).Params)
		}
		if heard != want {
			t.Errorf("%q: %v", token, got)
		}
		c.end()
	}
}
