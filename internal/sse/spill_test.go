package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// The data of a large event goes to whoever takes it, the same bytes that would
// be in the event; the events around it stay as they are.
func TestSpill(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	stream := "data: a\n\nevent: e\nid: 7\ndata: " + long + "\ndata: " + long + "\n\ndata: b\n\ndata: " + long
	for _, wanted := range []bool{true, false} {
		r := NewReader(iotest.HalfReader(strings.NewReader(stream)), 0)
		var taken bytes.Buffer
		asked := 0
		r.SpillAt = 1000
		r.Spill = func(e *Event) io.Writer {
			asked++
			if asked == 1 && (e.Type != "e" || e.LastID != "7") {
				t.Errorf("asked for %q %q", e.Type, e.LastID)
			}
			if !wanted {
				return nil
			}
			return &taken
		}
		first, err1 := r.Next()
		large, err2 := r.Next()
		last, err3 := r.Next()
		if err1 != nil || err2 != nil || err3 != nil || string(first.Data) != "a" || string(last.Data) != "b" || last.Taken != nil {
			t.Fatalf("%v %v %v", err1, err2, err3)
		}
		got := string(large.Data)
		if wanted {
			got = taken.String()
		}
		if got != long+"\n"+long || (large.Taken != nil) != wanted || !large.HasData || asked != 1 {
			t.Errorf("wanted %v: %d bytes, asked %d times", wanted, len(got), asked)
		}
		broken, err := r.Next()
		if !errors.Is(err, io.EOF) || (broken.Taken != nil) != wanted {
			t.Errorf("at the end: %v, taken %v", err, broken.Taken != nil)
		}
	}
}
