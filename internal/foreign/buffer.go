package foreign

import "slices"

// partSize is the size of one part of a [Buffer]: growing a single large slice would need
// several times its size.
const partSize = 1 << 20

// Buffer takes what comes in pieces and whose size nobody knows. The zero value is
// empty.
type Buffer struct {
	parts [][]byte // full ones
	last  []byte
	size  int
}

// Write adds a copy of p. It does not fail.
func (b *Buffer) Write(p []byte) (int, error) {
	b.size += len(p)
	switch {
	case len(b.last)+len(p) <= cap(b.last):
	case len(b.last) >= partSize/2:
		b.parts = append(b.parts, b.last)
		b.last = make([]byte, 0, max(partSize, len(p)))
	default: // twice each time: append alone would copy far more often
		b.last = slices.Grow(b.last, max(len(p), len(b.last)))
	}
	b.last = append(b.last, p...)
	return len(p), nil
}

// Len is how many bytes are in the buffer.
func (b *Buffer) Len() int { return b.size }

// Parts returns all of it, piece by piece.
func (b *Buffer) Parts() [][]byte { return append(b.parts, b.last) }

// Take returns all of it in one slice, usually with capacity for a line end, and leaves
// the buffer empty. nil is nothing.
func (b *Buffer) Take() []byte {
	whole := b.last
	if b.parts != nil {
		whole = make([]byte, 0, b.size+1)
		for i, part := range b.parts {
			whole = append(whole, part...)
			b.parts[i] = nil
		}
		whole = append(whole, b.last...)
	}
	*b = Buffer{}
	return whole
}
