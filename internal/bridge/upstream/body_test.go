package upstream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// slowBody returns one byte for each read, after a while, even when it was closed meanwhile:
// what has arrived can be read after the other side is gone.
type slowBody struct {
	after  time.Duration
	closed atomic.Int64
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.after)
	return copy(p, "x"), nil
}

func (b *slowBody) Close() error {
	b.closed.Add(1)
	return nil
}

// A body that was too slow returns the error from every further read, and nothing panics:
// the limit and the byte come at the same moment, so that the end falls anywhere in a read.
func TestIdleBodyStaysAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 5000 {
			under := &slowBody{after: time.Minute}
			b := newIdleBody(under, time.Minute)
			var err error
			for n := 0; err == nil && n < 100; n++ {
				_, err = b.Read(make([]byte, 8))
			}
			if err != nil && !errors.Is(err, errIdle) {
				t.Fatal(err)
			}
			if _, again := b.Read(make([]byte, 8)); err != nil && !errors.Is(again, errIdle) {
				t.Fatalf("read once more: %v", again)
			}
			_ = b.Close()
		}
	})
}

// The time in which nobody reads does not count: a client that takes its time
// loses no answer to the limit.
func TestIdleBodyCountsReadsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := &slowBody{after: 59 * time.Second}
		b := newIdleBody(under, time.Minute)
		for range 5 {
			if n, err := b.Read(make([]byte, 8)); n != 1 || err != nil {
				t.Fatalf("%d bytes, %v", n, err)
			}
			time.Sleep(time.Hour) // our client does not take it
		}
		if under.closed.Load() > 0 {
			t.Error("the body was closed although it brought something with each read")
		}
		_ = b.Close()
		whole := newIdleBody(io.NopCloser(strings.NewReader("x")), time.Minute)
		time.Sleep(time.Hour)
		if got, err := io.ReadAll(whole); string(got) != "x" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A body of unknown size is returned in memory of its own size, with space for the line end,
// however it comes, and no two share memory.
func TestReadUpToTakesNoMoreMemory(t *testing.T) {
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
					t.Fatalf("%s of %d: %d bytes with capacity %d", name, size, len(got), cap(got))
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

// zipped compresses n bytes of white space around an answer.
func zipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, anAnswer)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for ; n > 0; n -= len(chunk) {
		_, _ = w.Write(chunk)
	}
	_ = w.Close()
	return b.Bytes()
}

// Compressed answers are inflated; one that grows out of all
// proportion is an error before it fills the memory.
func TestCompressedAnswersAreBounded(t *testing.T) {
	for n, ok := range map[int]bool{0: true, 4 << 20: true, 24 << 20: false} {
		body := zipped(n)
		asked := ""
		u := withTransport(t, Config{}, func(r *http.Request) (*http.Response, error) {
			asked = r.Header.Get("Accept-Encoding")
			return httpResponse(200, http.Header{"Content-Encoding": {"gzip"}}, io.NopCloser(bytes.NewReader(body))), nil
		})
		answer, err := call(t, u, rawCall("tools/call"))
		switch {
		case asked != "gzip":
			t.Errorf("asked for %q", asked)
		case ok && (err != nil || string(answer.Raw) != anAnswer):
			t.Errorf("%d: %v", n, err)
		case !ok && (reasonOf(err) != TooLarge):
			t.Errorf("%d: %v", n, err)
		}
	}
}

// A compressed event stream is delivered event by event, not at its end.
func TestCompressedStreamComesEventByEvent(t *testing.T) {
	delivered := make(chan struct{})
	u := overHTTP(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		event := func(data string) {
			_, _ = io.WriteString(z, "data: "+data+"\n\n")
			_ = z.Flush()
			w.(http.Flusher).Flush()
		}
		event(`{"jsonrpc":"2.0","method":"notifications/progress"}`)
		<-delivered
		event(anAnswer)
	}))
	m, _ := jsonrpc.Parse(rawCall("tools/call"))
	answer, err := jsonrpc.Ask(t.Context(), u.Send, m, func(jsonrpc.Message) { close(delivered) })
	if err != nil || string(answer.Raw) != anAnswer {
		t.Error(string(answer.Raw), err)
	}
}
