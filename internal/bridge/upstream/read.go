package upstream

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"

	"mcp-login/internal/jsonrpc"
)

// begin reads the answer to m: the whole of it when it is small, and otherwise in
// pieces, which it then returns to be finished. cut ends the response.
func (u *Upstream) readAnswer(resp *http.Response, m jsonrpc.Message, sink jsonrpc.Sink, cut context.CancelCauseFunc) ([]byte, *largeAnswer, error) {
	limit, known := u.cfg.MaxMessage, resp.ContentLength
	if limit > 0 && known > limit {
		return nil, nil, u.tooLarge()
	}
	if known >= 0 && known <= maxWhole || len(m.ID) > maxStreamedID {
		raw, err := u.readAll(resp)
		return raw, nil, err
	}
	l := u.newLargeAnswer(m, sink, false, cut)
	if known < 0 { // most likely it is small
		start, err := readUpTo(resp.Body, spillSize)
		switch {
		case errors.Is(err, io.EOF) && limit > 0 && int64(len(start)) > limit:
			return nil, nil, u.tooLarge()
		case errors.Is(err, io.EOF):
			return start, nil, nil
		case err != nil:
			return nil, nil, brokenAnswer(resp, err)
		}
		l.adopt(start)
	}
	for l.err == nil {
		n, err := resp.Body.Read(l.space())
		if n > 0 {
			l.advance(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, l, nil
		case err != nil && l.interrupt(err):
			return nil, l, nil
		case err != nil:
			return nil, nil, brokenAnswer(resp, err)
		}
	}
	return nil, l, nil
}

// scraps are what bodies of unknown size are read into.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

const chunkSize = 16 << 10

// gather reads from body until it has most bytes or more; io.EOF says that this
// was all of it. The bytes have one room of their own size, so that a thousand
// answers that wait for a client take what they are and no more; the line end
// has its place behind them.
func readUpTo(body io.Reader, most int64) ([]byte, error) {
	var list []*[chunkSize]byte
	size, free := 0, 0
	var err error
	for err == nil && int64(size) < most {
		if free == 0 {
			list = append(list, chunks.Get().(*[chunkSize]byte))
			free = chunkSize
		}
		var n int
		n, err = body.Read(list[len(list)-1][chunkSize-free:])
		size, free = size+n, free-n
	}
	whole := make([]byte, 0, size+1)
	for _, scrap := range list {
		whole = append(whole, scrap[:min(chunkSize, size-len(whole))]...)
		chunks.Put(scrap)
	}
	return whole, err
}

// read returns the whole body, within the configured limit.
func (u *Upstream) readAll(resp *http.Response) ([]byte, error) {
	limit := u.cfg.MaxMessage
	if n := resp.ContentLength; n > 0 && n < maxPreallocated && (limit <= 0 || n <= limit) {
		raw := make([]byte, n, n+1) // the line end comes behind it
		if _, err := io.ReadFull(resp.Body, raw); err != nil {
			return nil, brokenAnswer(resp, err)
		}
		return raw, nil
	}
	most := int64(math.MaxInt64)
	if limit > 0 {
		most = min(limit, math.MaxInt64-1) + 1
	}
	raw, err := readUpTo(resp.Body, most)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, brokenAnswer(resp, err)
	case int64(len(raw)) >= most:
		return nil, u.tooLarge()
	}
	return raw, nil
}

// maxForetold is up to where a server's word about the size is believed before
// the bytes are there.
const maxPreallocated = 256 << 20
