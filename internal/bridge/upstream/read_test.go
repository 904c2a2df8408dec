package upstream

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// A body of unknown size is in a room of its own size with place for the line
// end, whatever pieces it came in, and no two share one.
func TestGather(t *testing.T) {
	const most = 3 * chunkSize
	text := make([]byte, 2*most)
	for i := range text {
		text[i] = byte(i % 251)
	}
	broken := errors.New("broken")
	var before []byte
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, most - 1, most, most + 1, 2 * most} {
		for name, around := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader, "end": iotest.DataErrReader,
		} {
			for _, end := range []error{io.EOF, broken} {
				body := io.MultiReader(bytes.NewReader(text[:size]), iotest.ErrReader(end))
				got, err := readUpTo(around(body), most)
				if !bytes.Equal(got, text[:min(size, len(got))]) || len(got) < min(size, most) || cap(got) != len(got)+1 {
					t.Fatalf("%s of %d: %d bytes in a room for %d", name, size, len(got), cap(got))
				}
				if size < most && !errors.Is(err, end) || err != nil && len(got) != size {
					t.Fatalf("%s of %d, ended by %v: %d bytes, %v", name, size, end, len(got), err)
				}
				if !bytes.Equal(before, text[:len(before)]) {
					t.Fatalf("%s of %d: written over what was gathered before", name, size)
				}
				before = got
			}
		}
	}
}
