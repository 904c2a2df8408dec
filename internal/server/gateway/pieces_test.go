package gateway

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// Whatever its length, an answer is the same in pieces; a large buffer is there only while
// much comes.
func TestPieces(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789abcdef"), large/4)
	for _, n := range []int{0, 1, small - 1, small, small + 1, small + large, len(whole)} {
		for _, from := range []io.Reader{bytes.NewReader(whole[:n]), iotest.DataErrReader(bytes.NewReader(whole[:n])), iotest.OneByteReader(bytes.NewReader(whole[:n]))} {
			in, got := newPieces(io.NopCloser(from)), []byte(nil)
			for {
				piece, err := in.next(0)
				got = append(got, piece...)
				in.shrink(len(piece))
				if len(piece) < small && in.large != nil {
					t.Errorf("%d bytes: the large buffer is kept after %d", n, len(piece))
				}
				if errors.Is(err, io.EOF) {
					break
				}
			}
			if in.end(); !bytes.Equal(got, whole[:n]) {
				t.Errorf("%d bytes became %d", n, len(got))
			}
		}
	}
}
