package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/bearer"
)

// Events of HTTP+SSE come as the upstream has written them, however long their lines are; only
// a line that begins with it names an endpoint, and not what a piece of a long line begins
// with.
func TestLinesOfAnyLengthAreWhole(t *testing.T) {
	const name, field = "data: ", "event: endpoint"
	for _, n := range []int{1, small - len(name), small, small + 1, lineBuffer - len(name) - 1, lineBuffer - len(name), lineBuffer, 2*lineBuffer - len(name), large, large + small + 1} {
		text := strings.Repeat("data: {}\n\n", 3) + name + strings.Repeat("x", n) + field + "\n\n" + "data: {}\n\n"
		body := &eventLines{r: bufio.NewReaderSize(strings.NewReader(text), lineBuffer), Closer: io.NopCloser(nil)}
		w := httptest.NewRecorder()
		if err := (&Relay{Heartbeat: 1 << 62}).Write(w, answerOf(typeEvents, body)); err != nil || w.Body.String() != text {
			t.Errorf("a line with %d bytes: %d bytes of %d, %v", n, w.Body.Len(), len(text), err)
		}
	}
}

// An upstream that names no address for messages is left, however it passes the time.
func TestTheFirstEventOfHTTPSSEHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, left := newGateway(t, nil), make(chan struct{})
		g.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer close(left)
				_, _ = http.ReadRequest(bufio.NewReader(theirs))
				_, err := io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
				for err == nil {
					<-time.After(time.Second)
					_, err = io.WriteString(theirs, ": wait\n\n")
				}
			}()
			return ours, nil
		}
		start := time.Now()
		_, _, err := g.SSE(t.Context(), Call{Method: http.MethodGet}, func(string) {})
		var failure *Failure
		if took := time.Since(start); !errors.As(err, &failure) || failure.Outcome != Garbage || took != endpointTime {
			t.Errorf("%v after %s", err, took)
		}
		<-left
	})
}

// An endpoint that is accepted opens again, with the name of a replica behind it.
func TestLongEndpointsOpenAgain(t *testing.T) {
	path := "/"
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeEvents)
		_, _ = io.WriteString(w, "event: endpoint\ndata: "+path+"\n\n")
	}))
	defer upstream.Close()
	g := newGateway(t, func(c *Config) { c.Upstream, _ = url.Parse(upstream.URL + "/mcp") })
	accepted := 0
	for n := maxSealed - maxReplica - 1; n <= maxSealed; n++ {
		path = "/" + strings.Repeat("x", n-1)
		resp, endpoint, err := g.SSE(t.Context(), Call{Caller: bearer.Identity{Subject: "alice"}}, func(string) {})
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		accepted++
		value := endpoint + strings.Repeat("r", maxReplica)
		if _, got, ok := g.Open(HTTPWithSSE, "alice", g.Seal(NewNonce(), HTTPWithSSE, "alice", value)); !ok || got != value {
			t.Errorf("an endpoint of %d bytes does not open", len(endpoint))
		}
	}
	if accepted != 2 {
		t.Errorf("%d of these lengths are accepted", accepted)
	}
}

// Whatever its spelling, and wherever its bytes are divided, a message is known as the answer
// to a request or as none.
func FuzzAnswerScan(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"result":{"id":2,"x":"\"id\":3"},"id":"\u0061\\\"}"}`, `{"id":1.0e0,"error":{}}`,
		`{"id":5,"method":"ping"}`, `{"method":"x"}`, "{ \"id\" :\n7 , \"result\":[[],{}] }", `{"id":null,"error":{}}`, `{"\u0069d":4,"result":1}`, `[]`, `"id"`, `{"id":{"id":1}}`,
	} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		if !jsontext.Value(text).IsValid() || len(text) > 4<<10 {
			return
		}
		want := RequestID([]byte(text), "")
		if strings.Contains(text, `\u`) && memberOf([]byte(text), "id") != nil && !strings.Contains(text, `"id"`) {
			return // nobody writes a name of the protocol so
		}
		if memberOf([]byte(text), "method") != nil {
			want = ""
		}
		var s answerScan
		k := max(0, min(at, len(text)))
		s.read([]byte(text[:k]))
		s.read([]byte(text[k:]))
		if got := s.end(); got != want {
			t.Errorf("%q divided at %d: %q, want %q", text, k, got, want)
		}
		if s.depth != 0 || s.text || s.value || s.asks || len(s.name)+len(s.id) != 0 {
			t.Errorf("something of %q is left", text)
		}
	})
}
