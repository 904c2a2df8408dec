package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A request that is written while the server closes its idle connection may have been
// taken or not, and nobody can tell which. This file avoids such connections.

// Bounds of how long a connection may be idle and be used again, whatever the server says.
const (
	minIdle = 500 * time.Millisecond
	maxIdle = 90 * time.Second
)

// keepAlive is how long the server keeps idle connections, as it last said.
type keepAlive struct{ d atomic.Int64 }

// limit returns 0 where the server has said nothing.
func (k *keepAlive) limit() time.Duration { return time.Duration(k.d.Load()) }

// learn reads the header of a response.
func (k *keepAlive) learn(h http.Header) {
	if lines := h["Keep-Alive"]; len(lines) > 0 {
		if d := announcedIdle(lines); d > 0 {
			k.d.Store(int64(d))
		}
	}
}

// announcedIdle returns the timeout in Keep-Alive headers, less a second for the way to
// the server, within the bounds above: 0 without a timeout that is a number, and the
// shortest of several.
func announcedIdle(lines []string) (limit time.Duration) {
	for _, line := range lines {
		for param := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(param, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
				continue
			}
			// For a number that is too large ParseUint returns the largest there is.
			seconds, err := strconv.ParseUint(strings.Trim(value, " \t\""), 10, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				continue
			}
			one := max(time.Duration(min(seconds, uint64(maxIdle/time.Second)+1))*time.Second-time.Second, minIdle)
			if limit == 0 || one < limit {
				limit = one
			}
		}
	}
	return limit
}

// closeStale closes an idle connection before a request is written to it when the server
// has closed it, when something unexpected was read on it, and when it was idle for longer
// than limit (0 for none), because the server may be closing it now. net/http then takes
// another connection. Without this it would find out only after it has written the
// request, which must not be sent again then. HTTP/2 is left alone: what waits there may
// be the answer to another request.
func closeStale(got httptrace.GotConnInfo, limit time.Duration) {
	if got.Reused && !isHTTP2(got.Conn) && (limit > 0 && got.IdleTime > limit || wouldNotBlock(got.Conn)) {
		_ = got.Conn.Close()
	}
}

// maxReconnects is how often a request that was not written is sent again at once over
// another connection: net/http itself does so only when it has not read the end of the
// connection before.
const maxReconnects = 3

// rewound is req with its body from the start.
func rewound(req *http.Request) *http.Request {
	req = req.WithContext(req.Context())
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil { // bytes in memory: it never fails
			req.Body = body
		}
	}
	return req
}

// closedWhileIdle reports whether err says that net/http had read the end of an idle
// connection before it took that connection for a request. Nothing of the request was
// written then, although WroteRequest may have been called: for a small request that
// happens before the buffer is flushed. net/http does not export this error.
func closedWhileIdle(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "http: server closed idle connection")
}

func isHTTP2(c net.Conn) bool {
	secure, ok := c.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// wouldNotBlock reports whether a read from c would return at once.
func wouldNotBlock(c net.Conn) bool {
	for {
		switch under := c.(type) {
		case interface{ NetConn() net.Conn }: // TLS
			c = under.NetConn()
		case syscall.Conn:
			raw, err := under.SyscallConn()
			return err == nil && readable(raw)
		default:
			return false
		}
	}
}
