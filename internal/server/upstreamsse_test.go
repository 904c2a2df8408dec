package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// heldUpstream is a server of HTTP+SSE whose answers are what the test writes. It refuses the
// message that says so.
func heldUpstream(answers <-chan string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: endpoint\ndata: /message\n\n")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case a := <-answers:
				_, _ = io.WriteString(w, "event: message\r\ndata: "+a+"\r\n\r\n")
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("POST /message", func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "refuse") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

// A stream of HTTP+SSE whose replica stops goes on until what was posted is answered, at
// whichever replica: then it says goodbye. What comes once it is to end is 404 at all of them,
// and is not run. What the upstream has refused, and what the client has cancelled, is not
// waited for.
func TestGatewayStreamWaitsForItsAnswers(t *testing.T) {
	for name, bus := range map[string]bool{"one process": false, "two replicas with a bus": true} {
		t.Run(name, func(t *testing.T) {
			i, answers := issuer.Start(t), make(chan string)
			base := startUpstream(t, heldUpstream(answers))
			left, right := &wire{name: "a"}, &wire{name: "b"}
			left.other, right.other = right, left
			a := startGateway(t, i, base, func(c *Config) {
				if bus {
					c.Bus = left
				}
			})
			b := a
			if bus {
				b = startGateway(t, i, base, func(c *Config) { c.Bus, c.Resource = right, mustURL(t, a.url+"/mcp") })
			}
			alice := a.clientFor(t, i, "alice")
			s := openStream(t, a.url, alice)
			call := func(at *liveServer, method, id string) int {
				message := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{}}`, id, method)
				return post(t, alice, at.url+s.endpoint, message).StatusCode
			}
			for k, at := range []*liveServer{a, b} {
				if got := call(at, "ping", fmt.Sprint(k+1)); got != 202 {
					t.Fatalf("ping: %d", got)
				}
				if got := call(at, "refuse", fmt.Sprint(k+3)); got != 400 {
					t.Errorf("what the upstream refuses: %d", got)
				}
				if got := call(at, "ping", fmt.Sprintf(`"cancelled %d"`, k)); got != 202 {
					t.Errorf("what will be cancelled: %d", got)
				}
				cancel := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"canc\u0065lled %d"}}`, k)
				if resp := post(t, alice, at.url+s.endpoint, cancel); resp.StatusCode != 202 {
					t.Errorf("cancelled: %d", resp.StatusCode)
				}
			}

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			closed := make(chan error, 1)
			go func() { closed <- a.Close(ctx) }()
			want := 2
			for bus && ctx.Err() == nil { // until the end has come there
				if got := call(b, "ping", fmt.Sprint(100+want)); got == 404 {
					break
				} else if got != 202 {
					t.Fatalf("ping: %d", got)
				}
				want++
			}
			answers <- `{"jsonrpc":"2.0","method":"notifications/progress","params":{"id":2}}`
			for k := range want {
				if event, _ := s.next(t); event != "message" {
					t.Fatalf("event %q", event)
				}
				id := k + 1
				if k >= 2 {
					id = 100 + k
				}
				answers <- fmt.Sprintf(`{"result":{"id":%q,"more":[{"id":1}]},"jsonrpc":"2.0","id":%d}`, `}"`, id)
			}
			rest, err := io.ReadAll(s.reader)
			if err != nil || !strings.Contains(string(rest), `"result"`) || !strings.Contains(string(rest), "please reconnect") {
				t.Errorf("the last answer and the end: %q, %v", rest, err)
			}
			if err := <-closed; err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// A bus that is away is no reason to refuse what the upstream takes, and a replica that is dead
// has no stream any more.
func TestGatewayPostsWithoutTheHolder(t *testing.T) {
	i, answers := issuer.Start(t), make(chan string)
	base := startUpstream(t, heldUpstream(answers))
	left, right := &wire{name: "a"}, &wire{name: "b"}
	left.other, right.other = right, left
	a := startGateway(t, i, base, func(c *Config) { c.Bus = left })
	b := startGateway(t, i, base, func(c *Config) { c.Bus, c.Resource = right, mustURL(t, a.url+"/mcp") })
	alice := a.clientFor(t, i, "alice")
	s := openStream(t, a.url, alice)
	answer := left.answer
	for name, c := range map[string]struct {
		answer func(context.Context, []byte) []byte
		want   int
	}{
		"as ever":       {answer, 202},
		"nonsense":      {func(context.Context, []byte) []byte { return []byte("?") }, 202},
		"not its own":   {func(context.Context, []byte) []byte { return answer(t.Context(), []byte(`{"Session":"x"}`)) }, 404},
		"no JSON there": {func(context.Context, []byte) []byte { return answer(t.Context(), []byte(`{`)) }, 202},
	} {
		left.answer = c.answer
		if resp := post(t, alice, b.url+s.endpoint, pingMessage); resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	left.answer, left.name = answer, "another"
	if resp := post(t, alice, b.url+s.endpoint, pingMessage); resp.StatusCode != 404 {
		t.Errorf("a dead replica: %d", resp.StatusCode)
	}
}

// A session has as many requests under way as its user may have calls, also where the answers
// come much later than the 202; what is posted to a stream that has ended is 404 where a bus
// tells that it has.
func TestGatewaySessionHasSoManyRequests(t *testing.T) {
	i, answers := issuer.Start(t), make(chan string)
	base := startUpstream(t, heldUpstream(answers))
	a := startGateway(t, i, base, func(c *Config) { c.Bus, c.MaxCalls = &wire{name: "a"}, 2 })
	alice := a.clientFor(t, i, "alice")
	s := openStream(t, a.url, alice)
	call := func(id string) int {
		return post(t, alice, a.url+s.endpoint, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`).StatusCode
	}
	long := `"` + strings.Repeat(`\u0061`, 1000) + `"`
	for _, want := range []struct {
		id     string
		status int
	}{{"1", 202}, {"1", 202}, {long, 202}, {"3", 429}} {
		if got := call(want.id); got != want.status {
			t.Errorf("%.20s: %d, want %d", want.id, got, want.status)
		}
	}
	for _, id := range []string{strings.ReplaceAll(long, `\u0061`, "a"), `"not asked"`, "7"} {
		answers <- `{"jsonrpc":"2.0","id":` + id + `,"result":{}}`
		s.next(t)
	}
	if got := call("3"); got != 202 {
		t.Errorf("after an answer: %d", got)
	}
	_ = s.resp.Body.Close()
	binary.Until(t, "a stream that has ended", func() bool { return call("4") == 404 })
}
