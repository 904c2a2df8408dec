package upstream

import (
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

	"mcp-login/internal/retry"
)

// A request that only reads waits as long as the server asks, up to 30 seconds in all. A
// call gets an error with the time at once, and so does a request that would wait longer.
func TestRetryAfterIsHonouredForReads(t *testing.T) {
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
				u := withTransport(t, Config{}, func(*http.Request) (*http.Response, error) {
					if requests++; requests <= c.refusals {
						return httpResponse(c.status, http.Header{"Retry-After": {c.after}}, bodyOf("")), nil
					}
					return httpResponse(200, nil, bodyOf(anAnswer)), nil
				})
				begun := time.Now()
				_, err := call(t, u, rawCall(c.method))
				var e *Error
				switch {
				case time.Since(begun) != c.wantWait || requests != c.wantRequests || (err != nil) != c.wantError:
					t.Errorf("%v after %v and %d requests", err, time.Since(begun), requests)
				case err != nil && (!errors.As(err, &e) || e.RetryAfter != retry.After(c.after, time.Now())):
					t.Errorf("%#v", err)
				}
			})
		})
	}
}

// Without Retry-After the pauses grow, the attempts are few, and a call is sent once.
func TestRetriesWithoutRetryAfterEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for method, want := range map[string]int{"tools/list": maxAttempts, "tools/call": 1, "initialize": 1} {
			for _, status := range []int{502, 503, 504} {
				requests := 0
				u := withTransport(t, Config{}, func(*http.Request) (*http.Response, error) {
					requests++
					return httpResponse(status, nil, bodyOf("")), nil
				})
				begun := time.Now()
				if _, err := call(t, u, rawCall(method)); err == nil || requests != want {
					t.Errorf("%s, %d: %v after %d requests", method, status, err, requests)
				}
				if took := time.Since(begun); took > 10*time.Second || want > 1 && took < firstRetry {
					t.Errorf("%s, %d: %v", method, status, took)
				}
			}
		}
	})
}

// A server that takes no connections is tried again within Config.Patience, for any
// message, because none was sent.
func TestUnreachableServerIsWaitedFor(t *testing.T) {
	refused := &url.Error{Op: "Post", URL: "http://server.example", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		patience time.Duration
		down     int
		ok       bool
	}{"comes back": {10 * time.Second, 3, true}, "stays away": {10 * time.Second, 1000, false}, "no patience": {0, 1, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				u := withTransport(t, Config{Patience: c.patience}, func(*http.Request) (*http.Response, error) {
					if requests++; requests <= c.down {
						return nil, refused
					}
					return httpResponse(200, nil, bodyOf(anAnswer)), nil
				})
				begun := time.Now()
				_, err := call(t, u, rawCall("tools/call"))
				if (err == nil) != c.ok || time.Since(begun) > c.patience {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}

// A server that takes the request and keeps silent, before the
// answer or in the middle of it, is one error at the limit; the next request
// gets through.
func TestSilentStreamEndsAtTheIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		u := withTransport(t, Config{IdleTimeout: time.Minute}, func(r *http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				return httpResponse(200, nil, bodyOf(anAnswer)), nil
			}
			body, w := io.Pipe()
			go func() {
				_, _ = io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
				<-r.Context().Done()
			}()
			return httpResponse(200, http.Header{"Content-Type": {"text/event-stream"}}, body), nil
		})
		begun := time.Now()
		_, err := call(t, u, rawCall("tools/call"))
		if reasonOf(err) != Interrupted || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if _, err := call(t, u, rawCall("tools/call")); err != nil {
			t.Error("the next call:", err)
		}
	})
}

// Over real sockets: the header timer runs from the moment the request
// was written, and a call is not repeated.
func TestHeaderTimeoutIsNotRepeated(t *testing.T) {
	requests := make(chan struct{}, 10)
	u := overHTTP(t, StreamableHTTP, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	u.cfg.HeaderTimeout = time.Second // by then the server, on a busy machine, has the request
	_, err := call(t, u, rawCall("tools/call"))
	if reasonOf(err) != Interrupted || !errors.Is(err, errNoHeader) || len(requests) != 1 {
		t.Errorf("%v after %d requests", err, len(requests))
	}
}

// A name that does not resolve and a certificate nobody
// vouches for are one clear error each; the second at once, because waiting
// does not help.
func TestDNSAndCertificateErrorsAreClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := withTransport(t, Config{}, func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "server.example", IsNotFound: true}
		})
		_, err := call(t, u, rawCall("tools/call"))
		if reasonOf(err) != Unreachable || !strings.Contains(err.Error(), "no such host") {
			t.Error(err)
		}
	})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	wire := &http.Transport{}
	defer wire.CloseIdleConnections()
	u := newUpstream(t, srv.URL, wire, Config{Patience: time.Hour})
	_, err := call(t, u, rawCall("tools/call"))
	if reasonOf(err) != Unreachable || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}
