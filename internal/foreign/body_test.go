package foreign_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/foreign"
)

// dribble is a body that brings one byte a second and never ends.
type dribble struct {
	shut chan struct{}
	read int
}

func newDribble() *dribble { return &dribble{shut: make(chan struct{})} }

func (d *dribble) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = 'x'
		d.read++
		return 1, nil
	case <-d.shut:
		return 0, net.ErrClosed
	}
}

func (d *dribble) Close() error {
	select {
	case <-d.shut:
	default:
		close(d.shut)
	}
	return nil
}

// endless never ends and is never late.
type endless struct {
	read   int64
	closed bool
}

func (e *endless) Read(p []byte) (int, error) { e.read += int64(len(p)); return len(p), nil }
func (e *endless) Close() error               { e.closed = true; return nil }

func answer(body io.ReadCloser) *http.Response {
	return &http.Response{Header: http.Header{}, Body: body}
}

func TestReadBodyEndsAtTheLimitOfBytes(t *testing.T) {
	body := &endless{}
	got, err := foreign.ReadBody(answer(body), 1000, time.Minute)
	if !errors.Is(err, foreign.ErrTooLarge) || len(got) != 1000 || !body.closed || body.read > 64<<10 {
		t.Errorf("%d bytes, %v, closed %v, %d read", len(got), err, body.closed, body.read)
	}
	for _, text := range []string{"", "x", strings.Repeat("x", 1000)} {
		got, err := foreign.ReadBody(answer(io.NopCloser(strings.NewReader(text))), 1000, time.Minute)
		if err != nil || !bytes.Equal(got, []byte(text)) {
			t.Errorf("%d bytes: %d, %v", len(text), len(got), err)
		}
	}
}

// The time is that of the whole body: one byte a second does not begin it anew.
func TestReadBodyEndsAtTheLimitOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, began := newDribble(), time.Now()
		got, err := foreign.ReadBody(answer(body), 1000, 10*time.Second+time.Millisecond)
		if took := time.Since(began); !errors.Is(err, foreign.ErrTooSlow) || len(got) != 10 || took > 11*time.Second {
			t.Errorf("%d bytes, %v, after %v", len(got), err, took)
		}
	})
}

func TestDiscardReadsLittleAndNotLong(t *testing.T) {
	body := &endless{}
	foreign.Discard(answer(body))
	if !body.closed || body.read > 128<<10 {
		t.Errorf("closed %v, %d read", body.closed, body.read)
	}
	synctest.Test(t, func(t *testing.T) {
		slow, began := newDribble(), time.Now()
		foreign.Discard(answer(slow))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a slow body was waited for: %v", took)
		}
	})
	stream := &endless{}
	foreign.Discard(&http.Response{Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: stream})
	if stream.read != 0 || !stream.closed {
		t.Error("an event stream was read")
	}
}
