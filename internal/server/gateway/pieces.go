package gateway

import (
	"errors"
	"io"
	"sync"
	"time"
)

// small and large are the sizes of the buffers for the bytes of answers, which are never held
// as a whole. Most answers are short, and most streams are idle: only where much comes at
// once is there a large one.
const (
	small = 2 << 10
	large = 32 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([small]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([large]byte) }}
)

// errSilent ends an answer that its upstream has begun and does not go on with.
var errSilent = errors.New("it took too long in the middle of its answer")

// pieces reads an answer piece by piece.
type pieces struct {
	from  io.ReadCloser
	slow  *time.Timer // closes the answer; nil before the first limit
	small *[small]byte
	large *[large]byte // nil unless the last piece was as long as its buffer
}

func newPieces(from io.ReadCloser) *pieces {
	return &pieces{from: from, small: smallBuffers.Get().(*[small]byte)}
}

// next returns the next piece, which is good until the next call. The upstream may take
// until limit for it; zero means that it may take any time.
func (p *pieces) next(limit time.Duration) ([]byte, error) {
	buf := p.small[:]
	if p.large != nil {
		buf = p.large[:]
	}
	switch {
	case limit > 0 && p.slow == nil:
		p.slow = time.AfterFunc(limit, func() { _ = p.from.Close() })
	case limit > 0:
		p.slow.Reset(limit)
	}
	n, err := p.from.Read(buf)
	if limit > 0 && !p.slow.Stop() && err != nil && !errors.Is(err, io.EOF) {
		err = errSilent
	}
	if n == small && p.large == nil {
		p.large = largeBuffers.Get().(*[large]byte)
	}
	return buf[:n], err
}

// shrink gives a large buffer back after a piece that did not need it; the piece is gone.
func (p *pieces) shrink(last int) {
	if p.large != nil && last < small {
		largeBuffers.Put(p.large)
		p.large = nil
	}
}

// end gives the buffers back.
func (p *pieces) end() {
	p.shrink(0)
	smallBuffers.Put(p.small)
}
