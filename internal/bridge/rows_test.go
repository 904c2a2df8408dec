package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mcp-login/internal/bridge/upstream"
)

// Nothing follows a redirect to another origin: no request of the client, and not what
// the bridge sends by itself, the probe, the server's stream and the end of the session.
func TestNothingFollowsARedirectToAnotherOrigin(t *testing.T) {
	var stranger bytes.Buffer
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = r.Write(&stranger) }))
	defer other.Close()
	away := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(code)
		}
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		asked := make(chan string, 16)
		s := &server{get: away(code), on: handlers{
			"server/discover": func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) { away(code)(w, r) },
			"away":            func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) { away(code)(w, r) },
		}}
		counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				away(code)(w, r)
			} else {
				s.ServeHTTP(w, r)
			}
			asked <- r.Method
		})
		r := newRig(t, counted, withTranslation, func(_ *Config, u *upstream.Config) { u.Header = http.Header{"X-Key": {"canary"}} })
		r.send(initialize)
		r.line()
		r.send(initialized)
		for range 4 { // probe, initialize, initialized, GET
			<-asked
		}
		r.send(`{"id":1,"method":"away","params":"canary"}`)
		if got := r.line(); !strings.Contains(got, `"code":1003`) {
			t.Errorf("%d: %s", code, got)
		}
		<-asked
		r.close()
		if got := <-asked; got != http.MethodDelete {
			t.Error(got)
		}
	}
	if stranger.Len() != 0 {
		t.Errorf("the stranger got: %s", stranger.String())
	}
}

// Whatever names a message has, in whatever spelling and how
// often, it is sent as it is or refused, and the answer finds the client.
func TestOddMemberNamesAreSentOrRefused(t *testing.T) {
	s := &server{on: handlers{}}
	r := newRig(t, s)
	names := rapid.SampledFrom([]string{"ID", "Id", "id", "method", "Method", "METHOD", "id\\u0000", "jsonrpc", "JSONRPC", "params", "Params", "result", "é", "\\u0069d2"})
	values := rapid.SampledFrom([]string{"1", "1.0", "9007199254740993", `"a"`, "null", "[1e400]", `{"x":1,"x":2}`, "true", `"\u2028"`})
	rapid.Check(t, func(rt *rapid.T) {
		var members []string
		for range rapid.IntRange(0, 6).Draw(rt, "members") {
			members = append(members, `"`+names.Draw(rt, "name")+`":`+values.Draw(rt, "value"))
		}
		id := rapid.SampledFrom([]string{"7", "7.0", `"7"`, "123456789012345678901234567890", "-0.5e-3"}).Draw(rt, "id")
		line := `{` + strings.Join(append(members, `"id":`+id, `"method":"x"`), ",") + `}`
		s.mu.Lock()
		before := len(s.bodies)
		s.mu.Unlock()
		r.send(line)
		got := r.line()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.bodies) == before { // refused, with a reason
			if !strings.Contains(got, `"error"`) {
				rt.Fatalf("%s: not sent, and answered %s", line, got)
			}
			return
		}
		if s.bodies[before] != line {
			rt.Fatalf("sent %s as %s", line, s.bodies[before])
		}
		if !strings.Contains(got, `"id":`+id) {
			rt.Fatalf("%s: %s", line, got)
		}
	})
}

// A server that fails at initialize is an answer to it; the
// bridge stays, and the next attempt may work.
func TestFailedInitializeIsAnswered(t *testing.T) {
	for _, code := range []int{400, 403, 404, 429, 500, 502, 503} {
		fails := true
		s := &server{on: handlers{
			"server/discover": func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) { w.WriteHeader(code) },
			"initialize": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				if fails {
					w.Header().Set("Retry-After", "3600")
					w.WriteHeader(code)
					return
				}
				answer(w, id, `{"protocolVersion":"2025-06-18","capabilities":{}}`)
			},
		}}
		r := newRig(t, s, withTranslation)
		r.send(initialize)
		if got := r.line(); !strings.Contains(got, fmt.Sprintf(`"httpStatus":%d`, code)) || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":0,`) {
			t.Errorf("%d: %s", code, got)
		}
		fails = false
		s.mu.Lock()
		delete(s.on, "server/discover")
		s.mu.Unlock()
		r.send(initialize)
		if got := r.line(); !strings.Contains(got, "protocolVersion") && !strings.Contains(got, `"result":{}`) {
			t.Errorf("%d, later: %s", code, got)
		}
	}
}

// Row 41: any bytes, in any pieces: the reader ends, and its lines are those
// of the input.
func FuzzLineReader(f *testing.F) {
	f.Add([]byte("a\r\nb\n\n\xef\xbb\xbfc"), 0, 3)
	f.Add([]byte("\xef\xbb\xbf{}\n\u2028\n"), 2, 1)
	f.Fuzz(func(t *testing.T, input []byte, limit, piece int) {
		limit, piece = max(0, limit%64), 1+max(0, piece%16)
		l := newLineReader(&pieces{input, piece}, limit)
		want := bytes.Split(bytes.TrimPrefix(input, []byte("\xef\xbb\xbf")), []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		for i, w := range want {
			got, err := l.next()
			cut := bytes.TrimSuffix(w, []byte("\r"))
			switch {
			case errors.As(err, new(*lineTooLongError)):
				if limit == 0 || len(w) < limit {
					t.Fatalf("line %d of %d bytes is too long", i, len(w))
				}
			case err != nil || !bytes.Equal(got, cut):
				t.Fatalf("line %d is %q, %v; want %q", i, got, err, cut)
			}
		}
		if got, err := l.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the end: %q, %v", got, err)
		}
	})
}

// pieces gives its bytes a few at a time.
type pieces struct {
	left []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.left)
	p.left = p.left[n:]
	return n, nil
}
