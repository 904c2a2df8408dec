package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/server/gateway"
)

// pipes is a listener whose connections are pipes in memory, so that time is that of the
// bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// overHTTP2 returns what a client gets from h over HTTP/2 of net/http.
func overHTTP2(t *testing.T, h http.HandlerFunc) (string, error) {
	t.Helper()
	listener, protocols := make(pipes), new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{Handler: h, Protocols: protocols}
	go func() { _ = srv.Serve(listener) }()
	client := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		listener <- theirs
		return ours, nil
	}}
	defer func() {
		client.CloseIdleConnections()
		_ = srv.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://pipe/", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.ProtoMajor != 2 {
		t.Errorf("it speaks %s", resp.Proto)
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// HTTP/2 ends a stream when its write deadline passes, whether anything is written or not: none
// is left behind while an answer is waited for.
func TestAnswersOutliveTheWriteDeadlineOverHTTP2(t *testing.T) {
	const long = 3 * answerTimeout
	relayed := func(kind string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			body, upstream := io.Pipe()
			go func() {
				for range 2 {
					<-time.After(long)
					_, _ = io.WriteString(upstream, "data: {}\n\n")
				}
				_ = upstream.Close()
			}()
			resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kind}}, Body: body, ContentLength: -1}
			if err := (&gateway.Relay{Heartbeat: time.Hour}).Write(w, resp); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}
	const two = "data: {}\n\ndata: {}\n\n"
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"a call through the gateway":   {relayed("application/json"), two},
		"a stream through the gateway": {relayed("text/event-stream"), ": still here\n\n" + two},
		"an upstream that begins late": {func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // as that of a call
			u := &upstream{seen: &upstreamMetrics{duration: prometheus.NewHistogram(prometheus.HistogramOpts{})}}
			_, _ = u.send(w, r, nil, func() (*http.Response, error) {
				<-time.After(long)
				return &http.Response{StatusCode: 200}, nil
			})
			_, _ = io.WriteString(w, two)
		}, two},
		"a stream of whoami": {func(w http.ResponseWriter, _ *http.Request) {
			e := newEventStream(w)
			_ = e.open()
			<-time.After(long)
			_ = e.heartbeat()
			<-time.After(long)
			_ = e.farewell()
		}, ": welcome\n\n: still here\n\nretry: 1000\n: please reconnect\n\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got, err := overHTTP2(t, c.h); err != nil || got != c.want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		})
	}
}
