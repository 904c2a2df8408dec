package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// A login that outlasts the client's patience: initialize is answered here, one
// tool says where to sign in, other requests get an error with the address;
// after the login the lists change and everything is the server's.
func TestClientSeesTheSignInToolUntilSignedIn(t *testing.T) {
	l := newServer()
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
		{"tools/list", `{}`, Tool},
		{"tools/list", `{}`, `https://login.example/a?b=1&c=2`},
		{"tools/call", `{"name":"` + Tool + `"}`, `WDJB-MJHT`},
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
	r.listsChange()
	if l.heard("notifications/initialized") != 1 || l.heard("notifications/roots/list_changed") != 0 || l.heard("tools/list") != 0 {
		t.Errorf("the server heard %v", l.methods)
	}
	r.send(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"` + Tool + `"}}`)
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
func TestFailedLoginIsTriedAgainByTheTool(t *testing.T) {
	l := newServer()
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
	if got := ask(`{"name":"` + Tool + `"}`); !strings.Contains(got, "did not work") {
		t.Error(got)
	}
	l.signed <- realResult
	r.listsChange()
	if l.heard("notifications/initialized") != 1 || l.heard("initialize") != 2 {
		t.Errorf("the server heard %v", l.methods)
	}
}

// A server that answers in time is never spoken for, whatever the patience; nor
// is a slow one that asks for no login.
func TestServerWithoutALoginIsNeverSpokenFor(t *testing.T) {
	l := newServer()
	l.pending.Store(false)
	r := l.rig(t)
	r.send(initializeLine(1))
	l.signed <- realResult
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":`+realResult+`}` {
		t.Error(got)
	}
	r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + Tool + `"}}`)
	if r.line(); l.heard("tools/call") != 1 {
		t.Error("a tool of that name belongs to the server")
	}
}

// A client that can do with or without sessions asks first which it is. While a
// person signs in it is told to begin a session, and meets the stand-in.
func TestDiscoverIsRefusedWhileAPersonSignsIn(t *testing.T) {
	l := newServer()
	r := l.rig(t)
	r.send(`{"jsonrpc":"2.0","id":"probe","method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
	<-l.probed
	if got := r.line(); !strings.Contains(got, `"id":"probe"`) || !strings.Contains(got, `-32601`) {
		t.Fatal(got)
	}
	r.send(initializeLine(1))
	if got := r.line(); !strings.Contains(got, `"name":"mcp-login"`) {
		t.Fatal(got)
	}
	l.signed <- realResult
	r.listsChange()
}

// The client may cancel initialize, or end, while our answer stands.
func TestClientMayEndDuringTheLogin(t *testing.T) {
	l := newServer()
	r := l.rig(t)
	r.send(initializeLine(1))
	r.line()
	if err := r.ends(); err != nil {
		t.Error(err)
	}
}

// What is cancelled while the bridge speaks for the server is not sent when the person
// has signed in; a cancel of the initialize that was answered here changes nothing.
func TestCancelledDuringTheLoginIsNeverSent(t *testing.T) {
	l := newServer()
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
	r.send(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"` + Tool + `"}}`)
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
func TestEachInitializeGetsOneAnswer(t *testing.T) {
	answered := func(t *testing.T, r *rig, ids ...int) {
		t.Helper()
		for _, id := range ids {
			if got := r.line(); !strings.HasPrefix(got, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{`, id)) {
				t.Errorf("%s is no answer to %d", got, id)
			}
		}
	}
	t.Run("without a login", func(t *testing.T) {
		l := newServer()
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
		l := newServer()
		r := l.rig(t)
		r.send(initializeLine(1))
		answered(t, r, 1)
		r.send(initializeLine(2))
		answered(t, r, 2)
		l.pending.Store(false)
		l.signed <- realResult
		r.listsChange()
		r.send(`{"jsonrpc":"2.0","id":3,"method":"x"}`)
		answered(t, r, 3)
		if l.heard("initialize") != 1 {
			t.Errorf("the server heard %v", l.methods)
		}
	})
}

// A login that the tool has begun again may be over when the client no longer reads what
// it is told of that: Close waits as long as it may, and not for the client.
func TestCloseEndsForAClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newServer()
		stage := New(l.config())
		reads := make(chan struct{})
		stage.Unasked(jsonrpc.SinkFunc(func(jsonrpc.Message) { <-reads }))
		go func() {
			_ = stage.Send(t.Context(), jsonrpc.Built([]byte(initializeLine(1))), jsonrpc.Discard)
		}()
		time.Sleep(time.Second) // patience is over
		l.signed <- ""
		synctest.Wait()
		_ = stage.Send(t.Context(), jsonrpc.Built([]byte(callSignIn)), jsonrpc.Discard)
		l.signed <- realResult
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		closed := make(chan error, 1)
		go func() { closed <- stage.Close(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-closed:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		default:
			t.Error("still waiting after a minute")
		}
		close(reads)
	})
}
