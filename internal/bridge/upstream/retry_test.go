package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Security row 38: what only reads waits as long as the server asks, up to 30
// seconds in all; a call gets an error with the time at once, and so does what
// would wait longer.
func TestRow38RetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		method, after string
		status        int
		refusals      int
		wantWait      time.Duration
		wantError     bool
		wantRequests  int
	}{
		"list, 429":          {"tools/list", "7", 429, 1, 7 * time.Second, false, 2},
		"list, 503":          {"tools/list", "7", 503, 2, 14 * time.Second, false, 3},
		"list, too long":     {"tools/list", "31", 429, 1, 0, true, 1},
		"list, too often":    {"tools/list", "20", 503, 2, 20 * time.Second, true, 2},
		"call, 429":          {"tools/call", "7", 429, 1, 0, true, 1},
		"call, 503":          {"tools/call", "7", 503, 1, 0, true, 1},
		"initialize, 503":    {"initialize", "7", 503, 1, 0, true, 1},
		"list, 429, no time": {"tools/list", "", 429, 1, 0, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				u := over(t, Config{}, func(*http.Request) (*http.Response, error) {
					if requests++; requests <= c.refusals {
						return httpResponse(c.status, http.Header{"Retry-After": {c.after}}, text("")), nil
					}
					return httpResponse(200, nil, text(anAnswer)), nil
				})
				begun := time.Now()
				_, err := call(t, u, callOf(c.method))
				var e *Error
				switch {
				case time.Since(begun) != c.wantWait || requests != c.wantRequests || (err != nil) != c.wantError:
					t.Errorf("%v after %v and %d requests", err, time.Since(begun), requests)
				case err != nil && (!errors.As(err, &e) || e.RetryAfter != retry.After(c.after, time.Now())):
					t.Errorf("%#v", err)
				}
				_ = u.Close(t.Context())
			})
		})
	}
}

// Security row 38, "503 storms": without a time the pauses grow, there is an
// end, and a call is sent once.
func TestRow38Storm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for method, want := range map[string]int{"tools/list": maxAttempts, "tools/call": 1, "initialize": 1} {
			for _, status := range []int{502, 503, 504} {
				requests := 0
				u := over(t, Config{}, func(*http.Request) (*http.Response, error) {
					requests++
					return httpResponse(status, nil, text("")), nil
				})
				begun := time.Now()
				if _, err := call(t, u, callOf(method)); err == nil || requests != want {
					t.Errorf("%s, %d: %v after %d requests", method, status, err, requests)
				}
				if took := time.Since(begun); took > 10*time.Second || want > 1 && took < firstRetry {
					t.Errorf("%s, %d: %v", method, status, took)
				}
				_ = u.Close(t.Context())
			}
		}
	})
}

// Security row 39: a server that takes no connections is waited for within the
// patience, for any message, because none was sent; a broken certificate is not.
func TestRow39Patience(t *testing.T) {
	refused := &url.Error{Op: "Post", URL: "http://server.example", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		patience time.Duration
		down     int
		ok       bool
	}{"comes back": {10 * time.Second, 3, true}, "stays away": {10 * time.Second, 1000, false}, "no patience": {0, 1, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				u := over(t, Config{Patience: c.patience}, func(*http.Request) (*http.Response, error) {
					if requests++; requests <= c.down {
						return nil, refused
					}
					return httpResponse(200, nil, text(anAnswer)), nil
				})
				begun := time.Now()
				_, err := call(t, u, callOf("tools/call"))
				if (err == nil) != c.ok || time.Since(begun) > c.patience {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				_ = u.Close(t.Context())
			})
		})
	}
}

// Security row 39: a server that takes the request and keeps silent, before the
// answer or in the middle of it, is one error at the limit; the next request
// gets through.
func TestRow39Silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		u := over(t, Config{IdleTimeout: time.Minute}, func(r *http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				return httpResponse(200, nil, text(anAnswer)), nil
			}
			body, w := io.Pipe()
			go func() {
				_, _ = io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
				<-r.Context().Done()
			}()
			return httpResponse(200, http.Header{"Content-Type": {"text/event-stream"}}, body), nil
		})
		begun := time.Now()
		_, err := call(t, u, callOf("tools/call"))
		var e *Error
		if !errors.As(err, &e) || e.Reason != Interrupted || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if _, err := call(t, u, callOf("tools/call")); err != nil {
			t.Error("the next call:", err)
		}
		_ = u.Close(t.Context())
	})
}

// Row 39, over real sockets: the header timer runs from the moment the request
// was written, and a call is not repeated.
func TestRow39NoHeader(t *testing.T) {
	requests := make(chan struct{}, 10)
	u := connect(t, StreamableHTTP, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	u.cfg.HeaderTimeout = 50 * time.Millisecond
	_, err := call(t, u, callOf("tools/call"))
	var e *Error
	if !errors.As(err, &e) || e.Reason != Interrupted || !errors.Is(err, errNoHeader) || len(requests) != 1 {
		t.Errorf("%v after %d requests", err, len(requests))
	}
}

// zipped compresses n bytes of white space around an answer.
func zipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, anAnswer)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for ; n > 0; n -= len(chunk) {
		_, _ = w.Write(chunk)
	}
	_ = w.Close()
	return b.Bytes()
}

// Item 7, row 40: compressed answers are inflated; one that grows out of all
// proportion is an error before it fills the memory.
func TestCompressedAnswers(t *testing.T) {
	for n, ok := range map[int]bool{0: true, 4 << 20: true, 24 << 20: false} {
		body := zipped(n)
		asked := ""
		u := over(t, Config{}, func(r *http.Request) (*http.Response, error) {
			asked = r.Header.Get("Accept-Encoding")
			return httpResponse(200, http.Header{"Content-Encoding": {"gzip"}}, io.NopCloser(bytes.NewReader(body))), nil
		})
		answer, err := call(t, u, callOf("tools/call"))
		var e *Error
		switch {
		case asked != "gzip":
			t.Errorf("asked for %q", asked)
		case ok && (err != nil || string(answer.Raw) != anAnswer):
			t.Errorf("%d: %v", n, err)
		case !ok && (!errors.As(err, &e) || e.Reason != TooLarge):
			t.Errorf("%d: %v", n, err)
		}
		_ = u.Close(context.Background())
	}
}

// A compressed event stream is delivered event by event, not at its end.
func TestCompressedStream(t *testing.T) {
	delivered := make(chan struct{})
	u := connect(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		event := func(data string) {
			_, _ = io.WriteString(z, "data: "+data+"\n\n")
			_ = z.Flush()
			w.(http.Flusher).Flush()
		}
		event(`{"jsonrpc":"2.0","method":"notifications/progress"}`)
		<-delivered
		event(anAnswer)
	}))
	m, _ := jsonrpc.Parse(callOf("tools/call"))
	answer, err := jsonrpc.Ask(t.Context(), u.Send, m, func(jsonrpc.Message) { close(delivered) })
	if err != nil || string(answer.Raw) != anAnswer {
		t.Error(string(answer.Raw), err)
	}
}

// Security row 39: a name that does not resolve and a certificate nobody
// vouches for are one clear error each; the second at once, because waiting
// does not help.
func TestRow39DNSAndTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := over(t, Config{}, func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "server.example", IsNotFound: true}
		})
		_, err := call(t, u, callOf("tools/call"))
		var e *Error
		if !errors.As(err, &e) || e.Reason != Unreachable || !strings.Contains(err.Error(), "no such host") {
			t.Error(err)
		}
		_ = u.Close(t.Context())
	})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	wire := &http.Transport{}
	defer wire.CloseIdleConnections()
	u, err := New(Config{Endpoint: mustURL(t, srv.URL), HTTP: &http.Client{Transport: wire}, Patience: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, err = call(t, u, callOf("tools/call"))
	var e *Error
	if !errors.As(err, &e) || e.Reason != Unreachable || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	_ = u.Close(t.Context())
}
