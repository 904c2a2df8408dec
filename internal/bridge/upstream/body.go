package upstream

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of compressed bodies. JSON of real servers shrinks to about a fiftieth; deflate
// makes a thousandth of zeros.
const (
	minInflated    = 16 << 20 // bytes that may come out of any body
	maxCompression = 200      // bytes out for one byte in, beyond that
)

// errOverinflated is a compressed body that grows beyond maxCompression.
var errOverinflated = errors.New("the server's compressed answer is far too large once it is unpacked")

// errIdle is a body of which nothing came for Config.IdleTimeout.
var errIdle = errors.New("nothing came from the server")

// limitBody puts the limits of the configuration around a body: on the time between two
// bytes, and on what a compressed body may become.
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

// byteOrderMark may stand before a JSON text, and is to be ignored (RFC 8259, section 8.1).
var byteOrderMark = []byte("\xef\xbb\xbf")

// gzipBody inflates a body, up to maxCompression. It reads the gzip header with the first
// byte, so that an event stream without events is not waited for.
type gzipBody struct {
	in       io.ReadCloser
	inflate  *gzip.Reader
	read     int64 // compressed bytes
	out      int64
	finished error
}

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

func (b *gzipBody) Close() error { return b.in.Close() }

// countingReader counts the compressed bytes.
type countingReader struct{ b *gzipBody }

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.b.in.Read(p)
	r.b.read += int64(n)
	return n, err
}

// prefixedBody is a body whose first bytes were read already.
type prefixedBody struct {
	io.ReadCloser
	prefix []byte
}

func (b *prefixedBody) Read(p []byte) (int, error) {
	if len(b.prefix) > 0 {
		n := copy(p, b.prefix)
		b.prefix = b.prefix[n:]
		return n, nil
	}
	return b.ReadCloser.Read(p)
}

// idleBody is closed when one read takes longer than the limit. The time between reads
// does not count: then our own client is slow.
type idleBody struct {
	io.ReadCloser
	limit   time.Duration
	timer   *time.Timer // runs during a read
	expired atomic.Bool
}

func newIdleBody(body io.ReadCloser, limit time.Duration) *idleBody {
	b := &idleBody{ReadCloser: body, limit: limit}
	b.timer = time.AfterFunc(limit, b.expire)
	b.timer.Stop()
	return b
}

func (b *idleBody) expire() {
	b.expired.Store(true)
	_ = b.Close()
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if b.expired.Load() {
		return n, fmt.Errorf("%w for %v", errIdle, b.limit)
	}
	return n, err
}

// maxPreallocated is the largest Content-Length for which memory is taken before the bytes
// are there.
const maxPreallocated = 256 << 20

// readAll returns the whole body, up to Config.MaxMessage.
func (u *Upstream) readAll(resp *http.Response) ([]byte, error) {
	limit := u.cfg.MaxMessage
	if n := resp.ContentLength; n > 0 && n < maxPreallocated && (limit <= 0 || n <= limit) {
		raw := make([]byte, n, n+1) // the sink appends a line end
		if _, err := io.ReadFull(resp.Body, raw); err != nil {
			return nil, brokenBody(resp, err)
		}
		return raw, nil
	}
	enough := int64(math.MaxInt64)
	if limit > 0 {
		enough = min(limit, math.MaxInt64-1) + 1
	}
	raw, err := readUpTo(resp.Body, enough)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, brokenBody(resp, err)
	case int64(len(raw)) >= enough:
		return nil, u.tooLarge()
	}
	return raw, nil
}

const chunkSize = 16 << 10

// chunks are reused by readUpTo.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// readUpTo reads body until it has enough bytes or more; io.EOF says that this was all.
// What it returns has the capacity of its length and a line end: a thousand answers that
// wait for a client take no more memory than they are long.
func readUpTo(body io.Reader, enough int64) ([]byte, error) {
	var list []*[chunkSize]byte
	size, free := 0, 0
	var err error
	for err == nil && int64(size) < enough {
		if free == 0 {
			list = append(list, chunks.Get().(*[chunkSize]byte))
			free = chunkSize
		}
		var n int
		n, err = body.Read(list[len(list)-1][chunkSize-free:])
		size, free = size+n, free-n
	}
	whole := make([]byte, 0, size+1)
	for _, chunk := range list {
		whole = append(whole, chunk[:min(chunkSize, size-len(whole))]...)
		chunks.Put(chunk)
	}
	return whole, err
}
