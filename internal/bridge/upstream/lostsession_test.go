package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// sessionServer is a server whose sessions can be lost.
type sessionServer struct {
	refusal  func(m jsonrpc.Message) (int, string) // of a message whose session is gone
	override func(m jsonrpc.Message) (int, string) // of any message; 0 goes on

	mu      sync.Mutex
	seen    []string // methods, "DELETE id"
	opened  int
	session string
	calls   int // tools/call
}

func (s *sessionServer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	m, _ := jsonrpc.Parse(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	session := r.Header.Get(headerSession)
	switch r.Method {
	case http.MethodGet:
		return httpResponse(http.StatusMethodNotAllowed, nil, bodyOf("")), nil
	case http.MethodDelete:
		s.seen = append(s.seen, "DELETE "+session)
		return httpResponse(http.StatusOK, nil, bodyOf("")), nil
	}
	s.seen = append(s.seen, m.Method)
	if s.override != nil {
		if status, body := s.override(m); status != 0 {
			return httpResponse(status, nil, bodyOf(body)), nil
		}
	}
	result, header := `{}`, http.Header{}
	switch {
	case m.Method == "initialize":
		s.opened++
		s.session = fmt.Sprint("session-", s.opened)
		header.Set(headerSession, s.session)
		result = `{"protocolVersion":"2025-06-18","capabilities":{}}`
	case session != s.session:
		status, body := s.refusal(m)
		return httpResponse(status, nil, bodyOf(body)), nil
	case m.Kind != jsonrpc.Request:
		return httpResponse(http.StatusAccepted, nil, bodyOf("")), nil
	case m.Method == "tools/call":
		s.calls++
	}
	return httpResponse(http.StatusOK, header, bodyOf(string(jsonrpc.Result(m.ID, result)))), nil
}

func (s *sessionServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.seen = "none", nil
}

func (s *sessionServer) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.seen {
		if one == method {
			n++
		}
	}
	return n
}

// withSession returns an Upstream that has a session with s.
func withSession(t *testing.T, s *sessionServer, signIn func(context.Context, *http.Response) error) *Upstream {
	t.Helper()
	u := withTransport(t, Config{SignIn: signIn}, s.RoundTrip)
	if _, err := call(t, u, rawCall("initialize")); err != nil {
		t.Fatal(err)
	}
	m, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
	if err := u.Send(t.Context(), m, jsonrpc.Discard); err != nil {
		t.Fatal(err)
	}
	return u
}

func refusing(status int, body string) func(jsonrpc.Message) (int, string) {
	return func(jsonrpc.Message) (int, string) { return status, body }
}

// A server says that a session is gone with 404, or in whatever words with 400 or 401,
// which a ping proves: another session is opened, and the message is sent once more. Many
// messages at once share that session.
func TestLostSessionIsReplaced(t *testing.T) {
	ids := 0
	for name, refusal := range map[string]func(jsonrpc.Message) (int, string){
		"404":          refusing(404, ""),
		"TypeScript":   refusing(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}`),
		"Python":       refusing(400, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: No valid session ID provided"}}`),
		"mcp-go":       refusing(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Invalid session ID"}}`),
		"text":         refusing(400, "Invalid session ID\n"),
		"empty":        refusing(400, ""),
		"error object": refusing(400, `{"error":"session_not_found"}`),
		"Rust":         refusing(401, "Unauthorized: Session not found"),
		"its own id": func(m jsonrpc.Message) (int, string) {
			return 400, `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32000,"message":"unknown session","data":{"request":` + string(m.ID) + `}}}`
		},
		"trace": func(jsonrpc.Message) (int, string) {
			ids++
			return 400, fmt.Sprintf(`{"title":"Bad Request","traceId":"00-%032x-01","at":"2026-11-28T12:00:%02d.5Z"}`, ids*7919, ids)
		},
	} {
		for _, calls := range []int{1, 50} {
			s := &sessionServer{refusal: refusal}
			u := withSession(t, s, nil)
			s.forget()
			var all sync.WaitGroup
			for range calls {
				all.Go(func() {
					if answer, err := call(t, u, rawCall("tools/call")); err != nil || answer.Result == nil {
						t.Errorf("%s: %s %v", name, answer.Raw, err)
					}
				})
			}
			all.Wait()
			if s.calls != calls || s.count("initialize") != 1 || s.count("tools/call") > 2*calls || s.count("ping") > calls+1 {
				t.Errorf("%s, %d calls: %d carried out, %v", name, calls, s.calls, s.seen)
			}
		}
	}
}

// A refusal that is not proven to be about the session is the answer: the call was sent once.
func TestUnprovenRefusalIsTheAnswer(t *testing.T) {
	const lost = `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"No valid session ID provided"}}`
	only := func(status int, body string, methods ...string) func(jsonrpc.Message) (int, string) {
		return func(m jsonrpc.Message) (int, string) {
			if slices.Contains(methods, m.Method) {
				return status, body
			}
			return 0, ""
		}
	}
	for name, c := range map[string]struct {
		odd    func(jsonrpc.Message) (int, string)
		code   string // of the error that is the answer, "" for an *Error
		opened int
	}{
		"ping works":          {only(400, lost, "tools/call"), "-32000", 1},
		"ping works, 401":     {only(401, "Session not found", "tools/call"), "", 1},
		"about the message":   {only(400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such colour"}}`, "tools/call"), "-32602", 1},
		"ping refused always": {only(400, lost, "tools/call", "ping"), "-32000", 2},
		"ping refused, empty": {only(400, "", "tools/call", "ping"), "", 2},
		"ping refused, 401":   {only(401, "no", "tools/call", "ping"), "", 2},
		"another status": {func(m jsonrpc.Message) (int, string) {
			return map[string]int{"tools/call": 400, "ping": 401}[m.Method], lost
		}, "-32000", 1},
		"ping is gone by 404": {func(m jsonrpc.Message) (int, string) {
			return map[string]int{"tools/call": 400, "ping": 404}[m.Method], lost
		}, "-32000", 1},
		"ping meets an outage": {func(m jsonrpc.Message) (int, string) {
			return map[string]int{"tools/call": 400, "ping": 500}[m.Method], lost
		}, "-32000", 1},
		"another code": {func(m jsonrpc.Message) (int, string) {
			switch m.Method {
			case "tools/call":
				return 400, lost
			case "ping":
				return 400, strings.Replace(lost, "-32000", "-32601", 1)
			}
			return 0, ""
		}, "-32000", 1},
		"other words": {func(m jsonrpc.Message) (int, string) {
			return map[string]int{"tools/call": 400, "ping": 400}[m.Method], strings.Replace(lost, "No valid", "No valid "+m.Method, 1)
		}, "-32000", 1},
		"other statuses": {only(422, lost, "tools/call", "ping"), "-32000", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &sessionServer{refusal: refusing(400, lost), override: c.odd}
			u := withSession(t, s, nil)
			for round := range 3 {
				s.seen = nil
				answer, err := call(t, u, rawCall("tools/call"))
				if got := string(jsonrpc.Member(answer.Error, "code")); got != c.code || (err == nil) != (c.code != "") {
					t.Errorf("%s: %s %v", name, answer.Raw, err)
				}
				if s.count("tools/call") != 1 || s.opened-1 != (c.opened-1)*(round+1) || len(s.seen) > 12 {
					t.Errorf("%s: %d sessions, %v", name, s.opened, s.seen)
				}
				if c.opened == 2 && s.count(fmt.Sprint("DELETE session-", s.opened)) != 1 {
					t.Errorf("%s: the session that did not help was left: %v", name, s.seen)
				}
			}
		})
	}
}

// A ping that is never answered proves nothing, and does not hold the answer up for
// long.
func TestSilentPingProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sessionServer{override: func(m jsonrpc.Message) (int, string) {
			return map[string]int{"tools/call": 400}[m.Method], ""
		}}
		u := withTransport(t, Config{}, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				copied, _ := r.GetBody()
				if b, _ := io.ReadAll(copied); strings.Contains(string(b), `"ping"`) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
			}
			return s.RoundTrip(r)
		})
		if _, err := call(t, u, rawCall("initialize")); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var e *Error
		if _, err := call(t, u, rawCall("tools/call")); !errors.As(err, &e) || e.Status != 400 || time.Since(begun) > 10*time.Second || s.count("tools/call") != 1 {
			t.Error(err, time.Since(begun), s.seen)
		}
	})
}

// A 401 that a ping does not meet asks for a sign-in, and then the call is sent once
// more; without a sign-in it is not.
func TestSignInAfterAnsweredPing(t *testing.T) {
	for _, failure := range []error{nil, errors.New("declined")} {
		asked := 0
		s := &sessionServer{override: func(m jsonrpc.Message) (int, string) {
			if m.Method == "tools/call" && asked == 0 {
				return 401, ""
			}
			return 0, ""
		}}
		u := withSession(t, s, func(_ context.Context, refused *http.Response) error {
			if asked++; refused.StatusCode != 401 {
				t.Error(refused.Status)
			}
			return failure
		})
		_, err := call(t, u, rawCall("tools/call"))
		if want := map[bool]int{true: 2, false: 1}[failure == nil]; !errors.Is(err, failure) || asked != 1 || s.count("tools/call") != want || s.opened != 1 {
			t.Errorf("%v: %v, %d asked, %v", failure, err, asked, s.seen)
		}
	}
}

// A message without a session is not judged by a ping, nor is a 401 with a challenge.
func TestNoPingWithoutSession(t *testing.T) {
	for name, c := range map[string]struct {
		session string
		status  int
		header  http.Header
	}{
		"no session": {"", 400, nil},
		"challenge":  {"s", 401, http.Header{"Www-Authenticate": {"Bearer"}}},
	} {
		var seen []string
		u := withTransport(t, Config{}, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				return httpResponse(200, nil, bodyOf("")), nil
			}
			body, _ := io.ReadAll(r.Body)
			m, _ := jsonrpc.Parse(body)
			if seen = append(seen, m.Method); m.Method == "initialize" {
				return httpResponse(200, http.Header{headerSession: {c.session}}, bodyOf(`{"jsonrpc":"2.0","id":1,"result":{}}`)), nil
			}
			return httpResponse(c.status, c.header.Clone(), bodyOf("")), nil
		})
		_, _ = call(t, u, rawCall("initialize"))
		if _, err := call(t, u, rawCall("tools/call")); err == nil || strings.Join(seen, " ") != "initialize tools/call" {
			t.Errorf("%s: %v %v", name, err, seen)
		}
	}
}

// The gist of a refusal is bounded by it, has no word with a digit but the code of an
// error, and does not change by ids and times.
func FuzzGist(f *testing.F) {
	for _, s := range []string{"", "Invalid session ID", `{"jsonrpc":"2.0","id":3,"error":{"code":-32000,"message":"no session 7f"}}`, `{"error":"x","at":"2026-11-28T12:00:00+01:00"}`, "\xff\xfe 1", `{"error":{"code":1e400,"message":7}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		words := gist([]byte(body))
		if n := len(strings.Join(words, "")); n > 4*len(body)+400 {
			t.Errorf("%d bytes of %d", n, len(body))
		}
		for _, word := range words[1:] {
			if word == "" || strings.ContainsAny(word, "0123456789 ") {
				t.Errorf("%q", word)
			}
		}
		if words[0] == "" && !slices.Equal(words, gist([]byte("1a "+body+" 2026-11-28"))) {
			t.Errorf("%q", body)
		}
	})
}

// HTTP+SSE: a stream that the server does not know any more, which it says with 400,
// is opened again, and the call carried out once. Where the ping is taken, or refused
// on every stream, the refusal is the answer.
func TestLostStreamIsOpenedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		ping func(lost bool) int
		runs int
	}{
		"lost":           {func(lost bool) int { return map[bool]int{true: 400, false: 202}[lost] }, 1},
		"ping taken":     {func(bool) int { return 202 }, 0},
		"always refused": {func(bool) int { return 400 }, 0},
	} {
		var mu sync.Mutex
		streams := map[string]chan string{}
		opened, runs, calls := 0, 0, 0
		u := overHTTP(t, SSE, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			if r.Method == http.MethodGet {
				opened++
				name, out := fmt.Sprint(opened), make(chan string, 10)
				streams[name] = out
				mu.Unlock()
				w.Header().Set("Content-Type", typeSSE)
				fmt.Fprintf(w, "event: endpoint\ndata: /post?s=%s\n\n", name)
				for {
					w.(http.Flusher).Flush()
					select {
					case message := <-out:
						fmt.Fprintf(w, "data: %s\n\n", message)
					case <-r.Context().Done():
						return
					}
				}
			}
			defer mu.Unlock()
			body, _ := io.ReadAll(r.Body)
			m, _ := jsonrpc.Parse(body)
			out := streams[r.URL.Query().Get("s")]
			status := http.StatusAccepted
			switch {
			case m.Method == "ping":
				status = c.ping(out == nil)
			case m.Method == "tools/call" && (out == nil || name != "lost"):
				calls++
				status = http.StatusBadRequest
			case m.Method == "tools/call":
				calls++
				runs++
			}
			w.WriteHeader(status)
			if status == http.StatusBadRequest {
				_, _ = io.WriteString(w, "No transport found for sessionId")
			} else if m.Kind == jsonrpc.Request {
				out <- string(jsonrpc.Result(m.ID, `{}`))
			}
		}))
		if _, err := call(t, u, rawCall("initialize")); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if name == "lost" {
			clear(streams)
		}
		mu.Unlock()
		_, err := call(t, u, rawCall("tools/call"))
		mu.Lock()
		if (err == nil) != (c.runs == 1) || runs != c.runs || calls != c.runs+1 {
			t.Errorf("%s: %v, %d calls, %d carried out, %d streams", name, err, calls, runs, opened)
		}
		mu.Unlock()
	}
}
