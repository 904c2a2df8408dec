package upstream

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// A value that a header can carry stays as it is; every other one is encoded.
func TestHeaderValueIsEncodedOnlyWhereNeeded(t *testing.T) {
	for in, out := range map[string]string{
		"echo":               "echo",
		"a b":                "a b",
		"file:///x%20y":      "file:///x%20y",
		"":                   "",
		" a":                 "=?base64?IGE=?=",
		"a\t":                "=?base64?YQk=?=",
		"é":                  "=?base64?w6k=?=",
		"a\r\nX: y":          "=?base64?YQ0KWDogeQ==?=",
		"=?base64?eA==?=":    "=?base64?PT9iYXNlNjQ/ZUE9PT89?=",
		"=?base64?no ending": "=?base64?no ending",
	} {
		if got := headerValue(in); got != out {
			t.Errorf("%q: %q, want %q", in, got, out)
		}
	}
}

// A redirect is followed on the same origin only, and with the same method.
func TestCheckRedirectKeepsOriginAndMethod(t *testing.T) {
	first := &http.Request{Method: "POST", URL: mustURL(t, "https://a.example/mcp")}
	for _, tc := range []struct {
		method, to string
		via        int
		ok         bool
	}{
		{"POST", "https://a.example/new", 1, true},
		{"POST", "https://A.example/new", 1, true},
		{"GET", "https://a.example/new", 1, false},
		{"POST", "http://a.example/new", 1, false},
		{"POST", "https://b.example/mcp", 1, false},
		{"POST", "https://sub.a.example/mcp", 1, false},
		{"POST", "https://a.example:8443/mcp", 1, false},
		{"POST", "https://a.example/new", 4, false},
	} {
		via := make([]*http.Request, tc.via)
		for i := range via {
			via[i] = first
		}
		err := CheckRedirect(&http.Request{Method: tc.method, URL: mustURL(t, tc.to)}, via)
		if (err == nil) != tc.ok {
			t.Errorf("%s %s after %d: %v", tc.method, tc.to, tc.via, err)
		}
	}
}

// An HTTP+SSE server may not send messages and tokens to another origin.
func TestEndpointOnAnotherOriginIsRefused(t *testing.T) {
	for _, endpoint := range []string{"https://evil.example/messages", "//evil.example/messages", "http://u:p@127.0.0.1/x", "http://%zz"} {
		var posts atomic.Int64
		u := overHTTP(t, SSE, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: endpoint\ndata: "+endpoint+"\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}))
		_, err := call(t, u, []byte(initializeRequest))
		if reasonOf(err) != NotMCP || posts.Load() != 0 {
			t.Errorf("%s: %v, %d posts", endpoint, err, posts.Load())
		}
	}
}

// A stream that begins with something else is not this transport.
func TestStreamMustBeginWithItsEndpoint(t *testing.T) {
	u := overHTTP(t, SSE, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {}\n\n")
	}))
	if _, err := call(t, u, []byte(initializeRequest)); err == nil || !strings.Contains(err.Error(), "endpoint") {
		t.Error(err)
	}
}

// Only 400, 404 and 405 without JSON-RPC in them lead to HTTP+SSE.
func TestOnlyRefusedPostsLeadToHTTPSSE(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		gets   bool
	}{
		{405, "", true},
		{404, "not here", true},
		{400, "", true},
		{400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}`, false},
		{401, "", false},
		{403, "", false},
		{500, "", false},
		{503, "", false},
		{429, "", false},
	} {
		var gets atomic.Int64
		u := overHTTP(t, Auto, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				gets.Add(1)
			}
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		}))
		_, _ = call(t, u, []byte(initializeRequest))
		if (gets.Load() > 0) != tc.gets {
			t.Errorf("%d %s: %d GETs", tc.status, tc.body, gets.Load())
		}
	}
}

// A last event without its blank line is delivered if it is the answer, on every stream;
// any other one is not, because it may come again.
func TestUnfinishedLastEventCountsIfItAnswers(t *testing.T) {
	const note = `{"jsonrpc":"2.0","method":"notifications/x"}`
	for name, tc := range map[string]struct {
		wish Transport
		tail string
		got  int // messages
	}{
		"answer":                      {StreamableHTTP, "data: " + anAnswer + "\n", 2},
		"answer, no line end":         {StreamableHTTP, "data: " + anAnswer, 2},
		"answer, in two lines":        {StreamableHTTP, "data: " + anAnswer[:17] + "\ndata: " + anAnswer[17:], 2},
		"notification":                {StreamableHTTP, "data: " + note + "\n", 1},
		"of another type":             {StreamableHTTP, "event: x\ndata: " + anAnswer, 1},
		"cut":                         {StreamableHTTP, "data: " + anAnswer[:30], 1},
		"another answer":              {StreamableHTTP, "data: " + strings.Replace(anAnswer, `"id":1`, `"id":2`, 1), 1},
		"HTTP+SSE, answer":            {SSE, "data: " + anAnswer, 1},
		"HTTP+SSE, cut":               {SSE, "data: " + anAnswer[:30], 0},
		"HTTP+SSE, of another type":   {SSE, "event: x\ndata: " + anAnswer, 0},
		"HTTP+SSE, a question itself": {SSE, `data: {"jsonrpc":"2.0","id":1,"method":"ping"}`, 0},
	} {
		posted := make(chan struct{})
		u := overHTTP(t, tc.wish, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case tc.wish == SSE && r.Method == http.MethodPost:
				w.WriteHeader(http.StatusAccepted)
				close(posted)
				return
			case tc.wish == SSE:
				w.Header().Set("Content-Type", typeSSE)
				_, _ = io.WriteString(w, "event: endpoint\ndata: /post\n\n")
				w.(http.Flusher).Flush()
				<-posted
			default:
				w.Header().Set("Content-Type", typeSSE)
				_, _ = io.WriteString(w, "data: "+note+"\n\n")
			}
			_, _ = io.WriteString(w, tc.tail)
		}))
		m := jsonrpc.Built([]byte(initializeRequest))
		got, answered := 0, false
		err := u.Send(t.Context(), m, jsonrpc.SinkFunc(func(one jsonrpc.Message) {
			got++
			answered = answered || one.Answers(m)
		}))
		if want := strings.Contains(name, "answer") && !strings.Contains(name, "another"); (err == nil) != want || answered != want || got != tc.got {
			t.Errorf("%s: %d messages, answered %v, %v", name, got, answered, err)
		}
	}
}

// An answer beyond the limit is an error for that request alone.
func TestTooLargeAnswerFailsItsRequestAlone(t *testing.T) {
	large := strings.Repeat("x", 2<<20)
	u := overHTTP(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, _ := jsonrpc.Parse(body)
		text := "small"
		switch m.Method {
		case "events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"id":1,"result":"`+large+"\"}\n\n")
			return
		case "json":
			text = large
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":1,"result":"`+text+`"}`)
	}))
	for _, method := range []string{"events", "json"} {
		if _, err := call(t, u, []byte(`{"id":1,"method":"`+method+`"}`)); reasonOf(err) != TooLarge {
			t.Errorf("%s: %v", method, err)
		}
	}
	if answer, err := call(t, u, []byte(`{"id":1,"method":"x"}`)); err != nil || string(answer.Result) != `"small"` {
		t.Errorf("afterwards: %s, %v", answer.Raw, err)
	}
}

// A client with a timeout would cut a person off in the middle of a login.
func TestNewRefusesClientWithTimeout(t *testing.T) {
	if _, err := New(Config{Endpoint: &url.URL{}, HTTP: &http.Client{Timeout: time.Second}}); err == nil {
		t.Error("accepted")
	}
}

// A stream of HTTP+SSE that is cut while the sink takes an answer: the request ends when
// the sink has it, and not before.
func TestSendEndsAfterItsSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, stream := io.Pipe()
		say := func(s string) { _, _ = io.WriteString(stream, s) }
		u := withTransport(t, Config{Transport: SSE}, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				go say("data: " + anAnswer + "\n\n")
				return httpResponse(http.StatusAccepted, nil, bodyOf("")), nil
			}
			go say("event: endpoint\ndata: /post\n\n")
			context.AfterFunc(r.Context(), func() { _ = stream.Close() })
			return httpResponse(http.StatusOK, http.Header{"Content-Type": {typeSSE}}, body), nil
		})
		taken, sent := make(chan struct{}), make(chan error, 1)
		go func() {
			sent <- u.Send(t.Context(), requestWithID("1"), jsonrpc.SinkFunc(func(jsonrpc.Message) { <-taken }))
		}()
		synctest.Wait()
		late, stop := context.WithCancel(t.Context())
		stop()
		_ = u.Close(late)
		synctest.Wait()
		ended := len(sent) > 0
		close(taken)
		if err := <-sent; err != nil || ended {
			t.Errorf("%v, before the sink had the answer: %v", err, ended)
		}
	})
}

// A session of HTTP+SSE that takes nothing any more still answers what it had taken: that is
// not sent again, and what it refuses is sent in a new session. A server that never answers is
// not waited for forever.
func TestWhatALostSessionHasTakenIsNotSentAgain(t *testing.T) {
	for name, answers := range map[string]bool{"answered": true, "never answered": false} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var streams []*io.PipeWriter
			posted := map[string]int{}
			say := func(k int, event string) { _, _ = io.WriteString(streams[k], event+"\n\n") }
			u := withTransport(t, Config{Transport: SSE}, func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodGet {
					body, stream := io.Pipe()
					streams = append(streams, stream)
					k := len(streams) - 1
					go say(k, fmt.Sprintf("event: endpoint\ndata: /post?s=%d", k))
					context.AfterFunc(r.Context(), func() { _ = stream.CloseWithError(io.ErrClosedPipe) })
					return httpResponse(http.StatusOK, http.Header{"Content-Type": {typeSSE}}, body), nil
				}
				raw, _ := io.ReadAll(r.Body)
				m, _ := jsonrpc.Parse(raw)
				session := r.URL.Query().Get("s")
				posted[session+" "+string(m.ID)]++
				switch {
				case session == "0" && string(m.ID) != "1":
					return httpResponse(http.StatusNotFound, nil, bodyOf("")), nil
				case session == "1":
					go say(1, "data: "+string(jsonrpc.Result(m.ID, `{}`)))
				}
				return httpResponse(http.StatusAccepted, nil, bodyOf("")), nil
			})
			slow := make(chan error, 1)
			go func() { slow <- u.Send(t.Context(), requestWithID("1"), jsonrpc.SinkFunc(func(jsonrpc.Message) {})) }()
			synctest.Wait()
			if err := u.Send(t.Context(), requestWithID("2"), jsonrpc.SinkFunc(func(jsonrpc.Message) {})); err != nil {
				t.Errorf("%s: what was refused: %v", name, err)
			}
			if answers {
				say(0, "data: "+string(jsonrpc.Result([]byte("1"), `{}`)))
			}
			start := time.Now()
			if err := <-slow; (err == nil) != answers || time.Since(start) > lostStreamTime {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			synctest.Wait()
			if _, err := streams[0].Write([]byte(":")); err == nil {
				t.Errorf("%s: the old stream is still open", name)
			}
			if want := map[string]int{"0 1": 1, "0 2": 1, "1 2": 1}; !maps.Equal(posted, want) {
				t.Errorf("%s: posted %v", name, posted)
			}
			_ = u.Close(t.Context())
		})
	}
}

// Where the request has the token of a login as well, a refused token may be that one.
func TestARefusedLoginIsNotBlamedOnAHeader(t *testing.T) {
	for signedIn, blamed := range map[bool]bool{true: false, false: true} {
		u := withTransport(t, Config{Given: "the header X-Api-Key", SignsIn: true}, func(r *http.Request) (*http.Response, error) {
			sent := r.Clone(r.Context())
			if signedIn {
				sent.Header.Set("Authorization", "Bearer t")
			}
			resp := httpResponse(403, nil, bodyOf("invalid token"))
			resp.Request = sent
			return resp, nil
		})
		_, err := call(t, u, []byte(initializeRequest))
		if err == nil || strings.Contains(err.Error(), "X-Api-Key") != blamed {
			t.Errorf("signed in: %v: %v", signedIn, err)
		}
	}
}
