package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// backlog bounds the memory for answers that our own client has not read yet. Beyond
// maxBacklog bytes only maxSlots bodies are read at a time; the others stay in the
// network.
type backlog struct {
	bytes   atomic.Int64  // of messages that no sink has taken yet
	reading atomic.Int64  // bodies that are read without a slot
	slots   chan struct{} // one for each body that is read beyond maxBacklog
}

const (
	maxBacklog = 4 << 20
	likelySize = 32 << 10 // of a body that is being read
	maxSlots   = 32
	// slotInterval is how often a body that holds a slot looks whether the backlog is
	// still large.
	slotInterval = 100 * time.Millisecond
)

func newBacklog() backlog { return backlog{slots: make(chan struct{}, maxSlots)} }

// admit returns when the body of resp may be read; release is called when its messages
// were delivered. It waits for the first byte before it takes a slot, so that a slow
// server takes none from the others.
func (b *backlog) admit(ctx context.Context, resp *http.Response) (release func(), err error) {
	if err := awaitBody(resp); err != nil {
		return nil, err
	}
	if b.bytes.Load()+b.reading.Add(1)*likelySize < maxBacklog {
		return b.readingEnds, nil
	}
	b.readingEnds()
	select {
	case b.slots <- struct{}{}:
		return b.slot(), nil
	case <-ctx.Done(): // the read that follows returns the error
		return func() {}, nil
	}
}

func (b *backlog) readingEnds() { b.reading.Add(-1) }

// slot returns the function that frees a slot. A slow body loses its slot as soon as the
// client reads again.
func (b *backlog) slot() (release func()) {
	free := sync.OnceFunc(func() { <-b.slots })
	stop := retry.Every(slotInterval, func() bool {
		large := b.bytes.Load() >= maxBacklog
		if !large {
			free()
		}
		return large
	})
	return func() {
		stop()
		free()
	}
}

// deliver gives a message to a sink, and counts it until the sink has taken it.
func (b *backlog) deliver(sink jsonrpc.Sink, m jsonrpc.Message) {
	b.bytes.Add(int64(len(m.Raw)))
	defer b.bytes.Add(-int64(len(m.Raw)))
	sink.Message(m)
}

// awaitBody waits for the first byte of a body. It leaves everything in it but a byte
// order mark.
func awaitBody(resp *http.Response) error {
	first := make([]byte, 1, len(byteOrderMark))
	n, err := io.ReadFull(resp.Body, first)
	if n == 1 && first[0] == byteOrderMark[0] {
		n, err = io.ReadFull(resp.Body, first[1:cap(first)])
		first, n = first[:1+n], 1+n
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return brokenBody(resp, err)
	}
	first = first[:n]
	if bytes.Equal(first, byteOrderMark) {
		first = nil
		if resp.ContentLength > 0 {
			resp.ContentLength -= int64(n)
		}
	}
	resp.Body = &prefixedBody{ReadCloser: resp.Body, prefix: first}
	return nil
}
