package upstream

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"time"
)

// refuseStale closes an idle connection that the server has closed, or on which
// it said something that nobody asked for, before a request is written to it, and
// one that was idle for longer than limit, 0 for none: the server may be closing it
// at this moment.
// net/http would find that out a moment later, when it reads: then the request
// is written already, and nobody can tell whether the server has taken it, so
// that it must not be sent again. Of a connection that is closed here nothing was
// written, and net/http takes another one. HTTP/2 is left alone: there an answer
// to another request may be what is waiting.
func closeStale(got httptrace.GotConnInfo, limit time.Duration) {
	if got.Reused && !isHTTP2(got.Conn) && (limit > 0 && got.IdleTime > limit || wouldNotBlock(got.Conn)) {
		_ = got.Conn.Close()
	}
}

// maxStale is how often a request that was not written goes at once over another
// connection. That one had ended while it was idle says nothing about the server,
// and net/http tries again only when it has not read the end before.
const maxReconnects = 3

// afresh is req with its body from the start.
func rewound(req *http.Request) *http.Request {
	req = req.WithContext(req.Context())
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil { // bytes in memory: it never fails
			req.Body = body
		}
	}
	return req
}

// endedIdle reports whether err means that net/http has read the end of an idle
// connection, and closed it, before it took that for a request. Then nothing of it
// was written, although WroteRequest may have been told so: of a small request it
// speaks before the buffer is flushed. net/http has no exported name for it.
func closedWhileIdle(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "http: server closed idle connection")
}

func isHTTP2(c net.Conn) bool {
	secure, ok := c.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// ended reports whether reading from c would not wait.
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
