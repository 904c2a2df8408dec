package upstream

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowBody brings one byte with each read, after a while, whether it was closed
// meanwhile or not: what has arrived can be read after the other side is gone.
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

// A body that was too slow is an error, however often it is read again, and never
// more than that: here the limit and the byte come at the same moment, so that the
// end falls anywhere in a read.
func TestR2IdleBodyTwice(t *testing.T) {
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
func TestR2IdleBodyWaitsForUs(t *testing.T) {
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
