package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gosse "github.com/tmaxmax/go-sse"
)

func readAll(t *testing.T, r *Reader) []Event {
	t.Helper()
	var list []Event
	for {
		e, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return list
		}
		list = append(list, e)
	}
}

// Line ends, comments, byte order mark, multi-line data, ids and retry.
func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	cases := []struct {
		name, in string
		want     []Event
	}{
		{"LF", "data: a\n\n", []Event{{Data: []byte("a"), HasData: true}}},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []Event{{Data: []byte("a"), HasData: true}, {Data: []byte("b"), HasData: true}}},
		{"CR", "data: a\rdata: b\r\r", []Event{{Data: []byte("a\nb"), HasData: true}}},
		{"BOM", "\xef\xbb\xbfdata: a\n\n", []Event{{Data: []byte("a"), HasData: true}}},
		{"no blank after colon, one taken", "data:a\ndata:  b\n\n", []Event{{Data: []byte("a\n b"), HasData: true}}},
		{"data without colon", "data\n\n", []Event{{HasData: true}}},
		{"comments and unknown fields", ": ping\nfoo: bar\n\n: x\ndata: a\n\n", []Event{{Data: []byte("a"), HasData: true}}},
		{"type", "event: endpoint\ndata: /x\n\n", []Event{{Type: "endpoint", Data: []byte("/x"), HasData: true}}},
		{"priming event", "id: 7\nretry: 500\ndata:\n\n", []Event{{LastID: "7", HasData: true, Retry: 500 * time.Millisecond, HasRetry: true}}},
		{"id alone, and it stays", "id: 7\n\ndata: a\n\n", []Event{{LastID: "7"}, {LastID: "7", Data: []byte("a"), HasData: true}}},
		{"id emptied", "id: 7\ndata: a\n\nid\ndata: b\n\n", []Event{{LastID: "7", Data: []byte("a"), HasData: true}, {Data: []byte("b"), HasData: true}}},
		{"id with NUL ignored", "id: 7\n\nid: a\x00b\ndata: x\n\n", []Event{{LastID: "7"}, {LastID: "7", Data: []byte("x"), HasData: true}}},
		{"retry must be digits", "retry: +5\nretry: 1x\nretry: \ndata: a\n\n", []Event{{Data: []byte("a"), HasData: true}}},
		{"unfinished event dropped", "data: a\n\ndata: b\n", []Event{{Data: []byte("a"), HasData: true}}},
		{"nothing", "", nil},
	}
	for _, tc := range cases {
		for _, split := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			got := readAll(t, NewReader(split(strings.NewReader(tc.in)), 0))
			if len(got) != len(tc.want) {
				t.Errorf("%s: %+v", tc.name, got)
				continue
			}
			for i, w := range tc.want {
				if w.Type == "" {
					w.Type = DefaultType
				}
				g := got[i]
				if g.Type != w.Type || !bytes.Equal(g.Data, w.Data) || g.HasData != w.HasData || g.LastID != w.LastID || g.Retry != w.Retry || g.HasRetry != w.HasRetry {
					t.Errorf("%s: event %d is %+v, want %+v", tc.name, i, g, w)
				}
			}
		}
	}
}

// An event whose blank line is missing comes beside the clean end of the stream, whatever its
// last line ends with; it does not where the stream broke, which is no clean end.
func TestIncompleteEventComesBesideTheEnd(t *testing.T) {
	for _, in := range []string{"data: a", "data: a\n", "data: a\r", "data: a\r\n", "data: x\n\ndata: a", ": c\r\r\nid: 7\rdata: a", "\xef\xbb\xbfdata:a"} {
		for _, split := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			e, err := readLast(NewReader(split(strings.NewReader(in)), 0))
			if !errors.Is(err, io.EOF) || e.Type != DefaultType || string(e.Data) != "a" {
				t.Errorf("%q: %+v %v", in, e, err)
			}
		}
	}
	e, err := readLast(NewReader(io.MultiReader(strings.NewReader("data: x\n\ndata: a\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), 0))
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(e.Data) != 0 {
		t.Errorf("broken: %+v %v", e, err)
	}
	if e, _ := readLast(NewReader(strings.NewReader("data: a\n\n"), 0)); len(e.Data) != 0 {
		t.Errorf("complete: %+v", e)
	}
	for _, n := range []int{bufferSize - 6, 3 * bufferSize, 3*bufferSize + 1} {
		if e, _ := readLast(NewReader(strings.NewReader("data: "+strings.Repeat("x", n)), 0)); len(e.Data) != n {
			t.Errorf("%d bytes of %d", len(e.Data), n)
		}
	}
}

// readLast returns what comes beside the end.
func readLast(r *Reader) (e Event, err error) {
	for err == nil {
		e, err = r.Next()
	}
	return e, err
}

// An incomplete event is the one that a blank line would have completed.
func FuzzIncompleteEvent(f *testing.F) {
	for _, s := range []string{"data: a", "data: a\r", "event: x\ndata: a\r\n", "data: a\ndat", "data: a\n\nid: 1", "\xef\xbb", "data"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		whole := readAll(t, NewReader(bytes.NewReader(append(bytes.Clone(in), "\n\n"...)), 0))
		r := NewReader(&chunked{in, max(1, chunk%17)}, 0)
		for n := 0; ; n++ {
			e, err := r.Next()
			switch {
			case err != nil && !e.HasData:
				return
			case n >= len(whole) || whole[n].Type != e.Type || !bytes.Equal(whole[n].Data, e.Data) || whole[n].HasData != e.HasData:
				t.Fatalf("%d: %+v in %+v", n, e, whole)
			case err != nil:
				return
			}
		}
	})
}

// No size is too large; a limit drops that event alone.
func TestLargeEventsAreBoundedOneByOne(t *testing.T) {
	for _, n := range []int{bufferSize - 7, bufferSize - 6, bufferSize - 5, bufferSize, 3*bufferSize + 1, 20 << 20} {
		text := strings.Repeat("x", n)
		got := readAll(t, NewReader(strings.NewReader("data: "+text+"\r\ndata: y\n\ndata: z\n\n"), 0))
		if len(got) != 2 || string(got[0].Data) != text+"\ny" || string(got[1].Data) != "z" {
			t.Fatalf("%d bytes: %d events", n, len(got))
		}
	}
	got := readAll(t, NewReader(strings.NewReader("data: "+strings.Repeat("x", 100_000)+"\n\ndata: z\n\n"), 1000))
	if len(got) != 2 || !got[0].TooLarge || len(got[0].Data) != 0 || string(got[1].Data) != "z" || got[1].TooLarge {
		t.Fatalf("%+v", got)
	}
	got = readAll(t, NewReader(strings.NewReader(strings.Repeat("f", 100_000)+": x\nid: "+strings.Repeat("i", 100_000)+"\ndata: z\n\n"), 0))
	if len(got) != 1 || string(got[0].Data) != "z" || got[0].LastID != "" {
		t.Fatalf("long fields: %d events", len(got))
	}
}

// The same events as an independent reader finds, for any bytes and any
// division into reads.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "event: x\rid: 1\r\rdata\n\n", "\xef\xbb\xbfdata:\n\n", ":c\nretry: 10\ndata: a\ndata: b\n\n", "id: \x00\ndata: x\n\n"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		var want []gosse.Event
		for e, err := range gosse.Read(bytes.NewReader(in), &gosse.ReadConfig{MaxEventSize: 1 << 20}) {
			if err != nil {
				t.Skip()
			}
			want = append(want, e)
		}
		r := NewReader(&chunked{in, max(1, chunk%17)}, 0)
		for {
			e, err := r.Next()
			if err != nil {
				break
			}
			if !e.HasData || len(e.Data) == 0 {
				continue // whether an event without data is one is where readers differ
			}
			for len(want) > 0 && want[0].Data == "" {
				want = want[1:]
			}
			if len(want) == 0 {
				t.Fatalf("an event more: %+v", e)
			}
			if want[0].Data != string(e.Data) || want[0].LastEventID != e.LastID {
				t.Fatalf("got %+v, want %+v", e, want[0])
			}
			want = want[1:]
		}
	})
}

type chunked struct {
	rest []byte
	n    int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	small := []byte(strings.Repeat("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", 1000))
	large := []byte("data: " + strings.Repeat("x", 1<<20) + "\n\n")
	streams := map[string][]byte{"1000 small": small, "1MiB": large}
	for _, kib := range []int{64, 256, 1024} { // what costs more than other bytes
		streams[fmt.Sprint(kib, " KiB of CR")] = bytes.Repeat([]byte("\r"), kib<<10)
		streams[fmt.Sprint(kib, " KiB of data lines")] = bytes.Repeat([]byte("data:\r"), kib<<10/6)
	}
	for name, stream := range streams {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewReader(bytes.NewReader(stream), 0)
				for {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}

// The buffer of a stream that has ended is reused by the next one: events that were read stay
// as they are, and the first stream stays at its end.
func TestBuffersAreReused(t *testing.T) {
	first := NewReader(strings.NewReader("data: one\n\n"), 0)
	one, err := first.Next()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := first.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
	}
	second := NewReader(strings.NewReader("data: two\n\ndata: three\n\n"), 0)
	two, err := second.Next()
	if err != nil || string(one.Data) != "one" || string(two.Data) != "two" {
		t.Errorf("%q %q %v", one.Data, two.Data, err)
	}
	if _, err := first.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("of the first, after the second has begun: %v", err)
	}
	if three, err := second.Next(); err != nil || string(three.Data) != "three" {
		t.Errorf("%q %v", three.Data, err)
	}
}

// The data of a large event goes to the writer that Spill returns, byte for byte; the events
// around it are not affected.
func TestLargeDataIsSpilled(t *testing.T) {
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
		if err1 != nil || err2 != nil || err3 != nil || string(first.Data) != "a" || string(last.Data) != "b" || last.SpilledTo != nil {
			t.Fatalf("%v %v %v", err1, err2, err3)
		}
		got := string(large.Data)
		if wanted {
			got = taken.String()
		}
		if got != long+"\n"+long || (large.SpilledTo != nil) != wanted || !large.HasData || asked != 1 {
			t.Errorf("wanted %v: %d bytes, asked %d times", wanted, len(got), asked)
		}
		broken, err := r.Next()
		if !errors.Is(err, io.EOF) || (broken.SpilledTo != nil) != wanted {
			t.Errorf("at the end: %v, taken %v", err, broken.SpilledTo != nil)
		}
	}
}
