package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnnouncedIdleTimeIsKeptWithinBounds(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		"timeout=5": 4 * time.Second, "timeout=5, max=1000": 4 * time.Second, "max=5, Timeout = 72": 71 * time.Second, `timeout="5"`: 4 * time.Second,
		"timeout=0": minIdle, "timeout=1": minIdle, "timeout=2": time.Second, "timeout=91": maxIdle, "timeout=92": maxIdle,
		"timeout=99999999999999999999999": maxIdle, "timeout=18446744073709551615": maxIdle,
		"timeout=60|timeout=5": 4 * time.Second, "timeout=5,timeout=60": 4 * time.Second, "timeout=x|timeout=5": 4 * time.Second,
		"": 0, "timeout": 0, "timeout=": 0, "timeout=-5": 0, "timeout=5s": 0, "timeout=1.5": 0, "timeout=+5": 0, "max=5": 0, "timeouts=5": 0,
	} {
		if got := announcedIdle(strings.Split(lines, "|")); got != want {
			t.Errorf("%q: %v, want %v", lines, got, want)
		}
	}
}

// Whatever a server says, the limit is none or within its bounds, and not longer than
// what any of its numbers says.
func FuzzAnnouncedIdle(f *testing.F) {
	for _, s := range []string{"timeout=5, max=100", "timeout=0", "timeout=-1", "TIMEOUT = \"7\"", ",,=,timeout==5", "timeout=99999999999999999999"} {
		f.Add(s, "timeout=3")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got, both := announcedIdle([]string{a}), announcedIdle([]string{a, b})
		if got != 0 && (got < minIdle || got > maxIdle) || got != 0 && (both == 0 || both > got) {
			t.Errorf("%q: %v, with %q %v", a, got, b, both)
		}
		if n, err := strconv.ParseUint(a, 10, 16); err == nil && announcedIdle([]string{"timeout=" + a}) != min(max(time.Duration(n)*time.Second-time.Second, minIdle), maxIdle) {
			t.Errorf("timeout=%s", a)
		}
	})
}

// A connection that was idle for longer than the server announced, less a second, is
// not used again; one that was not, is. A stream that goes on is not idle. The call
// is carried out once in any case.
func TestConnectionIsNotUsedAfterItsAnnouncedTime(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		idle   time.Duration
		conns  int // of two calls
	}{
		"5, soon":           {"Keep-Alive: timeout=5\r\n", 3900 * time.Millisecond, 1},
		"5, at the end":     {"Keep-Alive: timeout=5\r\n", 4100 * time.Millisecond, 2},
		"5, late":           {"Keep-Alive: timeout=5\r\n", time.Minute, 2},
		"nothing":           {"", 80 * time.Second, 1},
		"nothing, too late": {"", 100 * time.Second, 2},
		"zero, at once":     {"Keep-Alive: timeout=0\r\n", 400 * time.Millisecond, 1},
		"zero":              {"Keep-Alive: timeout=0\r\n", 600 * time.Millisecond, 2},
		"negative":          {"Keep-Alive: timeout=-5\r\n", 80 * time.Second, 1},
		"huge":              {"Keep-Alive: timeout=99999999999\r\n", 80 * time.Second, 1},
		"huge, too late":    {"Keep-Alive: timeout=99999999999\r\n", 100 * time.Second, 2},
		"repeated":          {"Keep-Alive: timeout=60\r\nKeep-Alive: timeout=5\r\n", 10 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &pipeServer{header: c.header}
				wire := &http.Transport{DialContext: s.dial, IdleConnTimeout: maxIdle}
				u := newUpstream(t, "http://server.example/mcp", wire, Config{Transport: StreamableHTTP})
				for range 2 {
					time.Sleep(c.idle)
					if _, err := call(t, u, rawCall("tools/call")); err != nil {
						t.Fatal(err)
					}
				}
				if s.conns != c.conns || s.calls != 2 {
					t.Errorf("%d calls over %d connections, want %d", s.calls, s.conns, c.conns)
				}
				wire.CloseIdleConnections()
			})
		})
	}
}

// A call that takes an hour, on a stream of a server that announces five seconds, is
// answered.
func TestStreamsAreNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &pipeServer{header: "Keep-Alive: timeout=5\r\n", pause: time.Hour}
		wire := &http.Transport{DialContext: s.dial}
		u := newUpstream(t, "http://server.example/mcp", wire, Config{Transport: StreamableHTTP})
		for range 2 {
			if _, err := call(t, u, rawCall("tools/call")); err != nil {
				t.Fatal(err)
			}
		}
		if s.conns != 1 || s.calls != 2 {
			t.Errorf("%d calls over %d connections", s.calls, s.conns)
		}
		wire.CloseIdleConnections()
	})
}

// pipeServer is a server on connections in memory. One call comes after the other.
type pipeServer struct {
	header       string
	pause        time.Duration // in the middle of an answer
	conns, calls int
}

func (s *pipeServer) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s.conns++
	go s.serve(theirs)
	return ours, nil
}

func (s *pipeServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		s.calls++
		body := ": at work\n\ndata: " + anAnswer + "\n\n"
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+s.header+"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body[:8])
		time.Sleep(s.pause)
		_, _ = io.WriteString(c, body[8:])
	}
}
