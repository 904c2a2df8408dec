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

// What each answer to the probe proves, and whether the
// client's own request may go out after it.
func TestProbeAnswersProveWhatTheServerSupports(t *testing.T) {
	broken := errors.New("connection refused")
	for name, c := range map[string]struct {
		code   int
		body   string // a result or an error object
		err    error
		speaks Support
		failed bool
	}{
		"modern only":          {200, `{"supportedVersions":["2026-07-28"],"capabilities":{}}`, nil, Stateless, false},
		"both":                 {200, `{"supportedVersions":["2025-06-18","2026-07-28"]}`, nil, Both, false},
		"discovers, old only":  {200, `{"supportedVersions":["2025-06-18"]}`, nil, Sessions, false},
		"another future":       {200, `{"supportedVersions":["2099-01-01"]}`, nil, Unknown, true},
		"says yes to anything": {200, `{}`, nil, Sessions, false},
		"method not found":     {200, `{"code":-32601}`, nil, Sessions, false},
		"not found, 404":       {404, `{"code":-32601}`, nil, Sessions, false},
		"invalid params":       {200, `{"code":-32602}`, nil, Sessions, false},
		"no session":           {400, `{"code":-32000}`, nil, Sessions, false},
		"bare 400":             {400, "", httpError(400), Sessions, false},
		"bare 404":             {404, "", httpError(404), Sessions, false},
		"bare 405":             {405, "", httpError(405), Sessions, false},
		"header mismatch":      {400, `{"code":-32020}`, nil, Stateless, false},
		"capability missing":   {400, `{"code":-32021}`, nil, Stateless, false},
		"other revision, old":  {400, `{"code":-32022,"data":{"supported":["2025-11-25"]}}`, nil, Sessions, false},
		"other revision, new":  {400, `{"code":-32022,"data":{"supported":["2099-01-01"]}}`, nil, Unknown, true},
		"401":                  {401, "", httpError(401), Unknown, true},
		"403 in JSON-RPC":      {403, `{"code":-32000}`, nil, Unknown, true},
		"429":                  {429, "", httpError(429), Unknown, true},
		"503 in JSON-RPC":      {503, `{"code":-32601}`, nil, Unknown, true},
		"504":                  {504, "", httpError(504), Unknown, true},
		"crash":                {500, "", httpError(500), Unknown, false},
		"crash in JSON-RPC":    {500, `{"code":-32603}`, nil, Unknown, false},
		"no JSON":              {200, "", httpError(200), Unknown, false},
		"silence":              {0, "", quiet{}, Unknown, false},
		"broken line":          {0, "", broken, Unknown, true},
	} {
		var answer jsonrpc.Message
		switch {
		case c.body == "":
		case jsonrpc.Member([]byte(c.body), "code") != nil:
			answer = jsonrpc.Built(jsonrpc.WithError([]byte("1"), []byte(c.body)))
		default:
			answer = newResult([]byte("1"), []byte(c.body))
		}
		found := judge(t.Context(), c.code, answer, c.err)
		if found.support != c.speaks || (found.err != nil) != c.failed {
			t.Errorf("%s: %q, %v", name, found.support, found.err)
		}
	}
}

type quiet struct{}

func (quiet) Error() string { return "quiet" }
func (quiet) Silent() bool  { return true }

// A server that refuses its own revision is asked once more, under another
// id, and no third time.
func TestProbeRefusedForItsRevisionIsSentAgain(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		r := &remote{}
		r.probe = func(nth int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
			if nth == 1 || stubborn {
				return 400, failure(m, codeUnsupportedVersion, `{"supported":["2026-07-28"]}`), nil
			}
			return discovers(`{}`, jsonrpc.Stateless)(nth, m)
		}
		c := newClient(t, r, nil)
		got := c.ask(oldInitialize)
		if len(r.probes) != 2 || string(r.probes[0].ID) == string(r.probes[1].ID) || len(got) != 1 {
			t.Errorf("stubborn %v: %d probes, %v", stubborn, len(r.probes), got)
		}
		if failed := jsonrpc.Member([]byte(got[0]), "error") != nil; failed != stubborn {
			t.Errorf("stubborn %v: %v", stubborn, got)
		}
		c.end()
	}
}

// Initialize meets the probe first, and never a server that knows
// no sessions; what was found out is kept, and costs nothing the next time.
func TestSupportIsRememberedAndNotAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		probe  func(int, jsonrpc.Message) (int, jsonrpc.Message, error)
		kept   Support
		first  string
		second int // probes of a second run
	}{
		"old": {func(int, jsonrpc.Message) (int, jsonrpc.Message, error) {
			return 404, jsonrpc.Message{}, httpError(404)
		}, Sessions, "initialize", 0},
		"both": {discovers(`{}`, "2025-11-25", jsonrpc.Stateless), Both, "initialize", 0},
		"new":  {discovers(`{}`, jsonrpc.Stateless), Stateless, "", 1}, // which refuses initialize
	} {
		memory := &memoryOfRun{}
		for run, probes := range []int{1, c.second} {
			r := &remote{probe: c.probe, on: initializes}
			client := newClient(t, r, memory)
			if got := client.ask(oldInitialize); len(got) != 1 || jsonrpc.Member([]byte(got[0]), "result", "protocolVersion") == nil {
				t.Errorf("%s: %v", name, got)
			}
			if len(r.probes) != probes || r.methods() != c.first || memory.Recall() != c.kept {
				t.Errorf("%s, run %d: %d probes, sent %q, kept %q", name, run, len(r.probes), r.methods(), memory.Recall())
			}
			client.end()
		}
	}
}

func initializes(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Kind == jsonrpc.Request {
		sink.Message(reply(m, oldResult))
	}
	return nil
}

// However long a server's words are, of a refusal the client gets a sentence.
func TestWordsOfARefusedProbeAreCut(t *testing.T) {
	r := &remote{probe: func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 403, newError(m.ID, 1, strings.Repeat("no\n", 1000)), nil
	}}
	c := newClient(t, r, nil)
	defer c.end()
	if err := c.send(t.Context(), oldInitialize); err == nil || !strings.HasPrefix(err.Error(), "the server refused: no; no; ") || len(err.Error()) > 400 {
		t.Error(err)
	}
}

// An outage at the probe is the client's answer, and nothing is kept; the
// next initialize asks again.
func TestOutageProvesNothing(t *testing.T) {
	r := &remote{on: initializes}
	r.probe = func(nth int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		if nth == 1 {
			return 503, jsonrpc.Message{}, httpError(503)
		}
		return discovers(`{}`, jsonrpc.Stateless)(nth, m)
	}
	memory := &memoryOfRun{}
	c := newClient(t, r, memory)
	defer c.end()
	if err := c.send(t.Context(), oldInitialize); status(err) != 503 || memory.Recall() != Unknown {
		t.Fatal(err, memory.Recall())
	}
	c.ask(oldInitialize)
	if memory.Recall() != Stateless || r.methods() != "" {
		t.Error(memory.Recall(), r.methods())
	}
}

// What is kept and proves wrong is corrected within the client's first
// request.
func TestWrongMemoryIsCorrected(t *testing.T) {
	r := &remote{probe: discovers(`{}`, jsonrpc.Stateless)}
	r.on = fails(codeHeaderMismatch)
	memory := &memoryOfRun{support: Sessions}
	c := newClient(t, r, memory)
	defer c.end()
	got := c.ask(oldInitialize)
	if len(got) != 1 || jsonrpc.Member([]byte(got[0]), "result") == nil || memory.Recall() != Stateless {
		t.Error(got, memory.Recall())
	}

	r = &remote{on: initializes, probe: func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 200, failure(m, jsonrpc.CodeMethodNotFound, ""), nil
	}}
	memory = &memoryOfRun{support: Stateless}
	c = newClient(t, r, memory)
	defer c.end()
	if got := c.ask(oldInitialize); len(got) != 1 || r.methods() != "initialize" || memory.Recall() != Sessions {
		t.Error(got, r.methods(), memory.Recall())
	}
}

// A server that knows sessions and lists only 2026-07-28, as those of version 2 of the
// TypeScript SDK do, is used with the client's revision, and what it is is kept. What opens
// no session is nobody's answer.
func TestServerThatListsOnlyStatelessIsOfferedASession(t *testing.T) {
	r := &remote{on: initializes, both: true, probe: discovers(`{}`, jsonrpc.Stateless)}
	memory := &memoryOfRun{}
	for run, probes := range []int{1, 1} {
		c := newClient(t, r, memory)
		expect(t, c.ask(oldInitialize), `{"jsonrpc":"2.0","id":1.0,"result":`+oldResult+`}`)
		call := `{"jsonrpc":"2.0","id":2.0,"method":"tools/call","params":{"name":"x"}}`
		c.ask(call)
		// What a server without sessions wants in every request is in the first
		// initialize only: then it is known that it has them.
		if said := r.nth(2*run).Param("_meta", jsonrpc.MetaRevision); string(said) != map[int]string{0: `"2025-11-25"`}[run] {
			t.Errorf("run %d: initialize of %s", run, said)
		}
		if string(r.nth(2*run+1).Raw) != call || len(r.probes) != probes || memory.Recall() != Both {
			t.Errorf("run %d: sent %q, %d probes, kept %q", run, r.methods(), len(r.probes), memory.Recall())
		}
		c.end()
	}
	// What the server says before it answers is not lost.
	const log = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}`
	r = &remote{both: true, probe: discovers(`{}`, jsonrpc.Stateless), on: func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		sink.Message(jsonrpc.Built([]byte(log)))
		return initializes(ctx, m, sink)
	}}
	c := newClient(t, r, &memoryOfRun{})
	if got := c.ask(oldInitialize); len(got) != 2 || got[0] != log {
		t.Errorf("%q", got)
	}
	c.end()
	for name, on := range map[string]handler{
		"error": func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			sink.Message(jsonrpc.Built([]byte(log)))
			sink.Message(failure(m, -32000, ""))
			return nil
		},
		"HTTP error":     func(context.Context, jsonrpc.Message, jsonrpc.Sink) error { return httpError(500) },
		"another result": replies(`{"protocolVersion":"2026-07-28"}`),
		"no result":      replies(`{}`),
		"silence": func(ctx context.Context, _ jsonrpc.Message, _ jsonrpc.Sink) error {
			<-ctx.Done()
			return context.Cause(ctx)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{on: on, both: true, probe: discovers(`{}`, jsonrpc.Stateless)}
			memory := &memoryOfRun{}
			c := newClient(t, r, memory)
			got := c.ask(oldInitialize)
			if len(got) != 1 || string(jsonrpc.Member([]byte(got[0]), "result", "instructions")) != `"hi"` || memory.Recall() != Stateless || r.methods() != "initialize" {
				t.Errorf("%s: %q, kept %q, sent %q", name, got, memory.Recall(), r.methods())
			}
			c.end()
		})
	}
}

// A client of both kinds decides by its own probe, and is served untouched
// either way.
func TestClientOfBothKindsDecides(t *testing.T) {
	r := &remote{on: initializes, probe: func(_ int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		return 200, failure(m, jsonrpc.CodeMethodNotFound, ""), nil
	}}
	c := newClient(t, r, nil)
	defer c.end()
	probe := `{"jsonrpc":"2.0","id":"p","method":"server/discover","params":{` + modernMeta + `}}`
	got := c.ask(probe)
	if len(got) != 1 || string(jsonrpc.Member([]byte(got[0]), "error", "code")) != "-32601" || string(r.probes[0].Raw) != probe {
		t.Fatal(got)
	}
	c.ask(oldInitialize)
	call := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x"}}`
	c.ask(call)
	if r.methods() != "initialize tools/call" || string(r.nth(1).Raw) != call || len(r.probes) != 1 {
		t.Error(r.methods())
	}
}

// Clients and servers that keep a session with each other need no adapter: what follows
// goes past it, but what begins another session and requests of 2026-07-28.
func TestAdapterLeavesASession(t *testing.T) {
	call := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x"}}`
	statelessCall := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{` + modernMeta + `,"name":"x"}}`
	for name, tc := range map[string]struct {
		versions []string
		skips    bool
	}{"both": {[]string{jsonrpc.Stateless, "2025-11-25"}, true}, "stateless alone": {[]string{jsonrpc.Stateless}, false}} {
		t.Run(name, func(t *testing.T) {
			r := &remote{probe: discovers(`{}`, tc.versions...)}
			r.on = func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
				sink.Message(newResult(m.ID, []byte(`{"protocolVersion":"2025-11-25"}`)))
				return nil
			}
			c := newClient(t, r, nil)
			defer c.end()
			if c.skips(call) {
				t.Error("before initialize")
			}
			c.ask(oldInitialize)
			if c.skips(call) != tc.skips || c.skips(oldInitialize) || c.skips(statelessCall) {
				t.Errorf("a call %t, initialize %t, a stateless call %t", c.skips(call), c.skips(oldInitialize), c.skips(statelessCall))
			}
		})
	}
}

// Clients and servers that share a revision are not translated, not by a byte.
func TestSameRevisionPassesUntouched(t *testing.T) {
	call := `{"jsonrpc":"2.0","id":2.0,"method":"tools/call","params":{` + modernMeta + `,"name":"x","n":1e0}}`
	answer := `{"jsonrpc":"2.0","id":2.0,"result":{"resultType":"input_required","requestState":"s"},"x":1}`
	r := &remote{probe: discovers(`{}`, jsonrpc.Stateless, "2025-11-25")}
	r.on = func(_ context.Context, _ jsonrpc.Message, sink jsonrpc.Sink) error {
		sink.Message(jsonrpc.Built([]byte(answer)))
		return nil
	}
	c := newClient(t, r, nil)
	defer c.end()
	expect(t, c.ask(call), answer)
	if string(r.nth(0).Raw) != call {
		t.Error(string(r.nth(0).Raw))
	}
}

// What is written down is trusted for its lifetime, and not from the future.
func TestMemoryExpires(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, s := range []Support{Sessions, Stateless, Both} {
		b := Encode(s, now)
		if Decode(b, now.Add(Lifetime-time.Minute)) != s || Decode(b, now.Add(Lifetime+time.Minute)) != Unknown || Decode(b, now.Add(-time.Hour)) != Unknown {
			t.Errorf("%s", b)
		}
	}
	for _, b := range []string{"", "{", `{"speaks":"anything","at":"2026-08-01T12:00:00Z"}`, `{"speaks":"both"}`} {
		if got := Decode([]byte(b), now); got != Unknown {
			t.Errorf("%s: %q", b, got)
		}
	}
	if Encode(Unknown, now) != nil {
		t.Error("nothing known is worth a note")
	}
}

// A server that wakes up during the probe is looked at twice before a client
// with sessions is turned away; a client's own probe waits as long as the client.
func TestSlowServerProvesNothing(t *testing.T) {
	r := &remote{}
	r.probe = func(nth int, m jsonrpc.Message) (int, jsonrpc.Message, error) {
		if nth == 1 {
			return 0, jsonrpc.Message{}, quiet{}
		}
		return discovers(`{}`, jsonrpc.Stateless)(nth, m)
	}
	r.on = func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Method == "initialize" {
			sink.Message(failure(m, codeHeaderMismatch, ""))
		} else {
			sink.Message(reply(m, `{"supportedVersions":["2026-07-28"]}`))
		}
		return nil
	}
	c := newClient(t, r, nil)
	if got := c.ask(oldInitialize); len(got) != 1 || jsonrpc.Member([]byte(got[0]), "result", "protocolVersion") == nil {
		t.Error(got)
	}
	c.end()
	r.probes, r.sent = nil, nil
	c = newClient(t, r, nil)
	defer c.end()
	probe := `{"jsonrpc":"2.0","id":"p","method":"server/discover","params":{` + modernMeta + `}}`
	if got := c.ask(probe); len(got) != 1 || string(r.nth(0).Raw) != probe {
		t.Error(got)
	}
}
