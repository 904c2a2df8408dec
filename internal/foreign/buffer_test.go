package foreign_test

import (
	"bytes"
	"testing"

	"mcp-login/internal/foreign"
)

// What is written comes out again, whatever the sizes; nothing is held of what was
// taken.
func TestBufferGivesBackWhatWasWritten(t *testing.T) {
	for _, sizes := range [][]int{nil, {0}, {1}, {7, 0, 9}, {1 << 20}, {600 << 10, 600 << 10, 3 << 20, 1}, {5 << 20, 5}} {
		var b foreign.Buffer
		var want []byte
		for i, n := range sizes {
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			want = append(want, p...)
			_, _ = b.Write(p)
			clear(p) // the buffer has a copy
		}
		if b.Len() != len(want) || !bytes.Equal(bytes.Join(b.Parts(), nil), want) {
			t.Errorf("%v: %d bytes", sizes, b.Len())
		}
		if got := b.Take(); !bytes.Equal(got, want) || b.Len() != 0 || len(b.Take()) != 0 {
			t.Errorf("%v: %d bytes taken, %d left", sizes, len(got), b.Len())
		}
	}
}
