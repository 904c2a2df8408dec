//go:build unix

package upstream

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"
)

// halfClosing is a listener that can close its connections for writing.
type halfClosing struct {
	net.Listener
	mu    sync.Mutex
	conns []*net.TCPConn
}

func (h *halfClosing) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		h.mu.Lock()
		h.conns = append(h.conns, tcp)
		h.mu.Unlock()
	}
	return c, err
}

// close closes each connection for writing, and returns how many there were. Unlike Close it
// does not wait for a read, and the server goes on reading: it carries out what still comes.
func (h *halfClosing) close() (made int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.CloseWrite()
	}
	made = len(h.conns)
	h.conns = nil
	return made
}

// A call is not written to a connection that the server has closed: it takes
// another one, is answered, and is carried out once. A connection that stands is
// used again.
func TestClosedConnectionIsNotUsed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		runs := 0
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			runs++ // one at a time
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
		}))
		ends := &halfClosing{Listener: srv.Listener}
		srv.Listener = ends
		if secure {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		wire := srv.Client().Transport.(*http.Transport)
		u := newUpstream(t, srv.URL+"/mcp", wire, Config{Transport: StreamableHTTP})
		const rounds, calls = 200, 3
		for round := range rounds {
			for range calls {
				if _, err := call(t, u, rawCall("tools/call")); err != nil {
					t.Fatalf("TLS %v, round %d: %v", secure, round, err)
				}
			}
			if made := ends.close(); made != 1 {
				t.Fatalf("TLS %v, round %d: %d connections for %d calls", secure, round, made, calls)
			}
		}
		if runs != rounds*calls {
			t.Errorf("TLS %v: %d calls were carried out %d times", secure, rounds*calls, runs)
		}
		wire.CloseIdleConnections()
		srv.Close()
	}
}

// A reused connection is closed before a request when the server has ended or reset it, or
// has sent something on it; a good one and a new one are not.
func TestStaleConnectionIsClosedBeforeUse(t *testing.T) {
	end := func(c *net.TCPConn) { _ = c.CloseWrite() }
	for name, tc := range map[string]struct {
		before func(*net.TCPConn)
		fresh  bool
		wrap   func(net.Conn) net.Conn
		closed bool
	}{
		"stands":      {before: func(*net.TCPConn) {}},
		"ended":       {before: end, closed: true},
		"reset":       {before: func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }, closed: true},
		"spoken on":   {before: func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 408 \r\n") }, closed: true},
		"new":         {before: end, fresh: true},
		"TLS":         {before: end, wrap: func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{ServerName: "a"}) }, closed: true},
		"no socket":   {before: end, wrap: func(c net.Conn) net.Conn { return struct{ net.Conn }{c} }},
		"TLS of none": {before: end, wrap: func(c net.Conn) net.Conn { return tls.Client(struct{ net.Conn }{c}, &tls.Config{ServerName: "a"}) }},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ours, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		tc.before(theirs.(*net.TCPConn))
		conn := ours
		if tc.wrap != nil {
			conn = tc.wrap(ours)
		}
		closeStale(httptrace.GotConnInfo{Conn: conn, Reused: !tc.fresh}, 0)
		if err := ours.Close(); (err != nil) != tc.closed { // a second Close fails
			t.Errorf("%s: closed %v, want %v", name, err != nil, tc.closed)
		}
		_, _ = theirs.Close(), l.Close()
	}
}
