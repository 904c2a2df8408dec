package upstream

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds of compressed bodies. JSON that a server really sends shrinks to a
// fiftieth or so; deflate reaches a thousandth with zeros.
const (
	minInflated    = 16 << 20 // bytes that may come out whatever went in
	maxCompression = 200      // bytes out for one byte in, beyond that
)

// errBomb is a body that grows out of all proportion.
var errOverinflated = errors.New("the server's compressed answer is out of all proportion")

// errIdle is a stream on which nothing came for Config.IdleTimeout.
var errIdle = errors.New("nothing came from the server")

// watch puts the limits of the configuration around a body: on the time between
// two reads that bring something, and on what a compressed body may become.
func (u *Upstream) limitBody(resp *http.Response) {
	if u.cfg.IdleTimeout > 0 {
		resp.Body = newIdleBody(resp.Body, u.cfg.IdleTimeout)
	}
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip": // the same (RFC 9110, section 8.4.1.3)
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
		resp.Body = &gzipBody{in: resp.Body}
	}
}

// byteOrderMark may stand before a JSON text, and is to be ignored (RFC 8259,
// section 8.1).
var byteOrderMark = []byte("\xef\xbb\xbf")

// gzipBody inflates a body with a bound on the proportion. The header is read
// with the first byte, so that a stream that says nothing yet is not waited
// for.
type gzipBody struct {
	in       io.ReadCloser
	inflate  *gzip.Reader
	read     int64 // compressed
	out      int64
	finished error
}

// Read implements io.Reader.
func (b *gzipBody) Read(p []byte) (int, error) {
	if b.finished != nil {
		return 0, b.finished
	}
	if b.inflate == nil {
		reader, err := gzip.NewReader(countingReader{b})
		if err != nil {
			b.finished = err
			return 0, err
		}
		b.inflate = reader
	}
	n, err := b.inflate.Read(p)
	if b.out += int64(n); b.out > minInflated && b.out/maxCompression > b.read {
		n, err = 0, &Error{Reason: TooLarge, Err: errOverinflated}
	}
	b.finished = err
	return n, err
}

// Close implements io.Closer.
func (b *gzipBody) Close() error { return b.in.Close() }

// countingReader counts the compressed bytes.
type countingReader struct{ b *gzipBody }

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.b.in.Read(p)
	r.b.read += int64(n)
	return n, err
}

// begunBody is one of which the first bytes were read.
type prefixedBody struct {
	io.ReadCloser
	prefix []byte
}

// Read implements io.Reader.
func (b *prefixedBody) Read(p []byte) (int, error) {
	if len(b.prefix) > 0 {
		n := copy(p, b.prefix)
		b.prefix = b.prefix[n:]
		return n, nil
	}
	return b.ReadCloser.Read(p)
}

// idleBody is closed when one read waits longer than the limit. The time between
// reads does not count: then it is our own client that does not take what came.
type idleBody struct {
	io.ReadCloser
	limit time.Duration
	timer *time.Timer // runs only during a read
	ended atomic.Bool // by the timer
}

func newIdleBody(body io.ReadCloser, limit time.Duration) *idleBody {
	b := &idleBody{ReadCloser: body, limit: limit}
	b.timer = time.AfterFunc(limit, func() {
		b.ended.Store(true)
		_ = body.Close()
	})
	b.timer.Stop()
	return b
}

// Read implements io.Reader.
func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if b.ended.Load() {
		return n, fmt.Errorf("%w for %v", errIdle, b.limit)
	}
	return n, err
}
