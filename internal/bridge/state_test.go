package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// inHand is a remote server in the test's own hand.
type inHand struct {
	unasked jsonrpc.Sink
	on      func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error

	mu   sync.Mutex
	sent []string // methods, in their order
}

func (s *inHand) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	s.mu.Lock()
	s.sent = append(s.sent, m.Method+string(m.ID))
	s.mu.Unlock()
	return s.on(ctx, m, sink)
}

func (s *inHand) Unasked(sink jsonrpc.Sink) { s.unasked = sink }

func (s *inHand) Close(context.Context) error { return nil }

func (s *inHand) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.sent, " ")
}

// over runs a bridge to a server. talk is the client.
func over(t *testing.T, s *inHand, cfg Config, talk func(say func(string), hear func() string)) {
	t.Helper()
	cfg.Server = s
	r := start(t, cfg)
	talk(func(line string) { r.send(line) }, r.line)
	_ = r.in.Close()
	go func() { _, _ = io.Copy(io.Discard, r.out) }()
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func answerTo(m jsonrpc.Message) jsonrpc.Message {
	answer, _ := jsonrpc.Parse(jsonrpc.Result(m.ID, "{}"))
	return answer
}

// holding is a server that answers no call until free is closed.
func holding(free chan struct{}) *inHand {
	return &inHand{on: func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
		if m.Method == "tools/call" {
			select {
			case <-free:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if m.Kind == jsonrpc.Request {
			sink.Message(answerTo(m))
		}
		return nil
	}}
}

// What is read beyond the requests that are carried waits in a bounded queue; what
// is beyond that is refused with its own id, and reading never stops. A cancel takes
// a request out of the queue, so that there is room again.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		s := holding(free)
		room := limits[requests].carried + limits[requests].waiting
		over(t, s, Config{}, func(say func(string), hear func() string) {
			for i := range room + 2 {
				say(fmt.Sprintf(callLine, i))
			}
			for i := range 2 {
				if got := hear(); !strings.Contains(got, fmt.Sprintf(`"id":%d,"error":{"code":1009`, room+i)) || !strings.Contains(got, `"hint":`) {
					t.Error(got)
				}
			}
			say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2000}}`)
			say(fmt.Sprintf(callLine, room+2))
			say(`{"jsonrpc":"2.0","id":"there?","method":"ping"}`)
			if got := hear(); got != `{"jsonrpc":"2.0","id":"there?","result":{}}` {
				t.Error(got)
			}
			close(free)
			answered := map[string]bool{}
			for range room { // all but the cancelled one, and the one that took its place
				answered[hear()] = true
			}
			if len(answered) != room || answered[`{"jsonrpc":"2.0","id":2000,"result":{}}`] || !answered[fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, room+2)] {
				t.Errorf("%d answers", len(answered))
			}
		})
		if strings.Contains(s.seen(), "tools/call2000 ") {
			t.Error("the cancelled request was sent")
		}
	})
}

// The queue is bounded in bytes as well; one request may wait whatever its size.
func TestQueueIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		over(t, holding(free), Config{}, func(say func(string), hear func() string) {
			for i := range limits[requests].carried {
				say(fmt.Sprintf(callLine, i))
			}
			large := `{"jsonrpc":"2.0","id":"large%d","method":"tools/call","params":{"name":"` + strings.Repeat("n", limits[requests].bytes) + `"}}`
			say(fmt.Sprintf(large, 1))
			say(fmt.Sprintf(large, 2))
			if got := hear(); !strings.Contains(got, `"id":"large2","error":{"code":1009`) {
				t.Error(got)
			}
			close(free)
			for range limits[requests].carried + 1 {
				if got := hear(); !strings.Contains(got, `"result":{}`) {
					t.Error(got)
				}
			}
		})
	})
}

// A server that takes no notification holds up those behind it for a while, not for
// ever; nothing else waits for it.
func TestSlowNotificationHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := holding(nil)
		taken, plain := make(chan string, 8), s.on
		s.on = func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			if m.Method == "notifications/slow" {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			if m.Kind != jsonrpc.Request {
				taken <- m.Method
			}
			return plain(ctx, m, sink)
		}
		over(t, s, Config{}, func(say func(string), hear func() string) {
			begun := time.Now()
			say(`{"jsonrpc":"2.0","method":"notifications/slow"}`)
			for i := range 3 {
				say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/n%d"}`, i))
			}
			say(`{"jsonrpc":"2.0","id":1,"method":"x"}`)
			if hear(); time.Since(begun) > 0 {
				t.Errorf("a request waited %v for a notification", time.Since(begun))
			}
			say(fmt.Sprintf(callLine, 7))
			synctest.Wait()
			say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
			if got := <-taken; got != "notifications/cancelled" || time.Since(begun) > 0 {
				t.Errorf("a cancel waited %v for a notification: %s", time.Since(begun), got)
			}
			say(`{"jsonrpc":"2.0","id":"q","result":{}}`)
			if got := <-taken; got != "" || time.Since(begun) > 0 {
				t.Errorf("an answer waited %v for a notification: %s", time.Since(begun), got)
			}
			for i := range 3 {
				if got := <-taken; got != fmt.Sprintf("notifications/n%d", i) {
					t.Errorf("notification %d is %s", i, got)
				}
			}
			if waited := time.Since(begun); waited != takeTimeout {
				t.Errorf("the others waited %v", waited)
			}
		})
	})
}

// While a person signs in, a notification is not late.
func TestNotificationIsNotLateDuringALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signed := make(chan struct{})
		taken := make(chan error, 1)
		s := &inHand{on: func(ctx context.Context, _ jsonrpc.Message, _ jsonrpc.Sink) error {
			select {
			case <-signed:
			case <-ctx.Done():
			}
			taken <- context.Cause(ctx)
			return nil
		}}
		pending := func() bool {
			select {
			case <-signed:
				return false
			default:
				return true
			}
		}
		over(t, s, Config{SignIn: AwaitedOnly(pending)}, func(say func(string), _ func() string) {
			say(`{"jsonrpc":"2.0","method":"notifications/x"}`)
			time.Sleep(10*takeTimeout + takeTimeout/2) // not at the moment of a look at the login
			close(signed)
			if err := <-taken; err != nil {
				t.Error(err)
			}
		})
	})
}

// A server may ask before it answers initialize, and waits for the answer to that.
func TestAnswerReachesTheServerDuringInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		s := &inHand{on: func(_ context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
			switch {
			case m.Method == "initialize":
				question, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":"q","method":"ping"}`))
				sink.Message(question)
				<-answered
				sink.Message(answerTo(m))
			case m.Kind == jsonrpc.Response:
				close(answered)
			}
			return nil
		}}
		over(t, s, Config{}, func(say func(string), hear func() string) {
			say(initialize)
			say(`{"jsonrpc":"2.0","method":"notifications/behind"}`)
			if got := hear(); !strings.Contains(got, `"id":"q"`) {
				t.Error(got)
			}
			say(`{"jsonrpc":"2.0","id":"q","result":{}}`)
			if got := hear(); !strings.Contains(got, `"id":0,"result"`) {
				t.Error(got)
			}
		})
		if got := s.seen(); got != `initialize0 "q" notifications/behind` {
			t.Error(got)
		}
	})
}

// At the end of input every request gets its one answer, those that still wait too.
func TestEveryRequestIsAnsweredAtTheEndOfInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := limits[requests].carried + limits[requests].waiting
		inR, inW := io.Pipe()
		var out strings.Builder
		ended := make(chan error, 1)
		go func() { ended <- Run(t.Context(), inR, &out, Config{Server: holding(make(chan struct{}))}) }()
		for i := range room {
			_, _ = fmt.Fprintf(inW, callLine+"\n", i)
		}
		_ = inW.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := strings.Count(out.String(), `"error":{"code":1007`); n != room || strings.Count(out.String(), "\n") != room {
			t.Errorf("%d of %d answers", n, room)
		}
	})
}

// Each request of a batch counts: those beyond the limit are refused in its answer.
func TestRequestsOfABatchCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		over(t, holding(free), Config{}, func(say func(string), hear func() string) {
			room := limits[requests].carried + limits[requests].waiting
			var batch []string
			for i := range room + 3 {
				batch = append(batch, fmt.Sprintf(callLine, i))
			}
			say("[" + strings.Join(batch, ",") + "]")
			say(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
			if got := hear(); !strings.Contains(got, `"id":"p"`) {
				t.Error(got)
			}
			close(free)
			if got := hear(); strings.Count(got, `"code":1009`) != 3 || strings.Count(got, `"result":{}`) != room {
				t.Errorf("%d refused, %d answered", strings.Count(got, `"code":1009`), strings.Count(got, `"result":{}`))
			}
		})
	})
}

// A client that does not read keeps neither a cancel nor an answer from the server.
func TestClientThatDoesNotReadHoldsUpNoCancel(t *testing.T) {
	asked, cancelled, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := &server{on: handlers{
		"slow": func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			close(asked)
			<-r.Context().Done()
		},
		"notifications/cancelled": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.WriteHeader(http.StatusAccepted)
			close(cancelled)
		},
		"": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.WriteHeader(http.StatusAccepted)
			close(done)
		},
	}}
	r := newRig(t, s)
	r.send(`{"id":0,"method":"warm"}`)
	r.line()
	r.send(`{"id":1,"method":"slow"}`)
	<-asked
	for i := range 200 { // answers that nobody reads
		r.send(fmt.Sprintf(`{"id":"x%d","method":"x"}`, i))
	}
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, `{"jsonrpc":"2.0","id":"q","result":{}}`)
	<-cancelled
	<-done
	for range 200 {
		r.line()
	}
}

// A cancel ends the request that it names and no other, in whatever spelling and state.
func TestCancelEndsTheRequestThatItNames(t *testing.T) {
	for _, c := range []struct{ asked, named string }{
		{`1`, `1.0`},
		{`1.0`, `1`},
		{`10`, `1e1`},
		{`-0`, `0`},
		{`100000000000000000000000000001`, `100000000000000000000000000001`},
		{strings.Repeat("9", 1_000_000), strings.Repeat("9", 1_000_000)},
		{`"a"`, `"\u0061"`},
		{`"` + strings.Repeat("n", 100_000) + `"`, `"` + strings.Repeat("n", 100_000) + `"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			free := make(chan struct{})
			s := holding(free)
			over(t, s, Config{}, func(say func(string), hear func() string) {
				cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`
				call := `{"jsonrpc":"2.0","id":%s,"method":"tools/call"}`
				ping := func() {
					t.Helper()
					synctest.Wait()
					say(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
					if got := hear(); got != `{"jsonrpc":"2.0","id":"p","result":{}}` {
						t.Errorf("%.20s: %.200s", c.asked, got)
					}
				}
				say(fmt.Sprintf(cancel, c.named)) // of nothing yet
				say(fmt.Sprintf(call, c.asked))
				say(fmt.Sprintf(call, `"other"`))
				for _, none := range []string{`null`, `{}`, `[1]`, `true`, `"1"`, `12`, `1.5`, `1e400`, `"A"`} {
					say(fmt.Sprintf(cancel, none))
				}
				say(`{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
				synctest.Wait()
				before := strings.Count(s.seen(), "cancelled")
				say(fmt.Sprintf(cancel, c.named))
				say(fmt.Sprintf(cancel, c.named))
				ping()
				// The second is of a request that is over, or comes before that.
				if n := strings.Count(s.seen(), "cancelled") - before; n != 1 && n != 2 {
					t.Errorf("%.20s: the server heard %d cancels", c.asked, n)
				}
				close(free)
				if got := hear(); got != `{"jsonrpc":"2.0","id":"other","result":{}}` {
					t.Errorf("%.20s: %.200s", c.asked, got)
				}
				say(fmt.Sprintf(cancel, `"other"`)) // after its answer
				say(fmt.Sprintf(call, c.asked))     // the id is free again
				if got := hear(); got != `{"jsonrpc":"2.0","id":`+c.asked+`,"result":{}}` {
					t.Errorf("%.20s: %.200s", c.asked, got)
				}
				ping()
			})
		})
	}
}

// Of two requests with one id a cancel ends the later one; each gets its own answer or
// none, and a batch its own.
func TestCancelEndsTheLaterOfTwoRequestsWithOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		over(t, holding(free), Config{}, func(say func(string), hear func() string) {
			say(fmt.Sprintf(callLine, 1))
			say(fmt.Sprintf(callLine, 1))
			say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
			say("[" + fmt.Sprintf(callLine, 2) + "," + fmt.Sprintf(callLine, 2) + "," + fmt.Sprintf(callLine, 3) + "]")
			say(`[{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}]`)
			synctest.Wait()
			close(free)
			got := []string{hear(), hear()}
			if len(got[0]) > len(got[1]) {
				got[0], got[1] = got[1], got[0]
			}
			two := `{"jsonrpc":"2.0","id":2,"result":{}}`
			if got[0] != `{"jsonrpc":"2.0","id":1,"result":{}}` || got[1] != "["+two+","+two+"]" {
				t.Error(got)
			}
		})
	})
}

// An initialize that is cancelled before it was sent holds nothing up, wherever it
// waits: behind other requests, or behind another initialize.
func TestCancelledInitializeThatWaitsHoldsUpNothing(t *testing.T) {
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`
	for name, before := range map[string]int{"behind requests": limits[requests].carried, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				s := holding(free)
				plain := s.on
				s.on = func(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
					if m.Method == "initialize" {
						<-ctx.Done()
						return context.Cause(ctx)
					}
					return plain(ctx, m, sink)
				}
				over(t, s, Config{}, func(say func(string), hear func() string) {
					for i := range before {
						say(fmt.Sprintf(callLine, i+10))
					}
					say(initialize)
					say(`{"jsonrpc":"2.0","id":5,"method":"x"}`)
					say(strings.Replace(initialize, `"id":0`, `"id":1`, 1))
					say(`{"jsonrpc":"2.0","method":"notifications/n"}`)
					say(`{"jsonrpc":"2.0","id":6,"method":"x"}`)
					synctest.Wait()
					say(fmt.Sprintf(cancel, "1"))
					synctest.Wait()
					if strings.Contains(s.seen(), "x") {
						t.Error("sent before the first initialize is over")
					}
					say(fmt.Sprintf(cancel, "0.0"))
					close(free)
					heard := map[string]bool{}
					for range before + 2 {
						heard[hear()] = true
					}
					for _, id := range []string{"5", "6"} {
						if !heard[`{"jsonrpc":"2.0","id":`+id+`,"result":{}}`] {
							t.Error("no answer to", id)
						}
					}
				})
				if !strings.Contains(s.seen(), "notifications/n") {
					t.Error("the notification behind it was not sent")
				}
			})
		})
	}
}

// The notification that the client is ready has a place in a full queue, once; what
// only looks like it, or comes again, is bounded like everything else.
func TestNothingPassesAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := holding(nil)
		s.on = func(ctx context.Context, _ jsonrpc.Message, _ jsonrpc.Sink) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		over(t, s, Config{}, func(say func(string), hear func() string) {
			for i := range limits[requests].carried + limits[requests].waiting {
				say(fmt.Sprintf(callLine, i))
			}
			say(`{"jsonrpc":"2.0","id":"r","method":"notifications/initialized"}`)
			if got := hear(); !strings.Contains(got, `"id":"r","error":{"code":1009`) {
				t.Error(got)
			}
		})
	})
	full := state{}
	full.queues[notifications] = queue{carried: 1, count: limits[notifications].waiting}
	ready := func() *message {
		m, _ := jsonrpc.Parse([]byte(initialized))
		return &message{m: m, class: notifications}
	}
	for i, want := range []bool{true, false, false} {
		if got := full.put(ready()); got != want {
			t.Errorf("ready for the %d. time in a full queue: %v", i+1, got)
		}
	}
}
