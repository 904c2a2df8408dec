package terminal

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer is a buffer that is read while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *lockedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *lockedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *lockedBuffer) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

// A live line shows the time left; what is written takes its place, and none is
// drawn after the end.
func TestALiveLineShowsTheTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen lockedBuffer
		s := New(Config{Out: &screen, Err: &screen, OutIsTerminal: true, ErrIsTerminal: true})
		ctx, cancel := context.WithCancel(t.Context())
		go s.CountDown(ctx, time.Now().Add(62*time.Second))
		synctest.Wait()
		if got := screen.String(); got != eraseLine+"waiting for the sign-in, 1:02 left; Ctrl-C gives up" {
			t.Errorf("%q", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if !strings.HasSuffix(screen.String(), eraseLine+"waiting for the sign-in, 0:59 left; Ctrl-C gives up") {
			t.Errorf("%q", screen.String())
		}
		ended, end := context.WithCancel(t.Context())
		go s.CountDown(ended, time.Now().Add(time.Minute))
		synctest.Wait()
		screen.Reset()
		end()
		synctest.Wait()
		if got := screen.String(); got != eraseLine {
			t.Errorf("at the end of a sign-in: %q", got)
		}
		s.Live(t.Context(), "x")
		screen.Reset()
		s.Print("a")
		_, _ = io.WriteString(s.Err(), "b\n")
		if got := screen.String(); got != eraseLine+"a\nb\n" {
			t.Errorf("%q", got)
		}
		cancel()
		s.Live(ctx, "late")
		synctest.Wait()
		if got := screen.String(); got != eraseLine+"a\nb\n" {
			t.Errorf("after the end: %q", got)
		}
	})
}

// Where there is no terminal no line is drawn, and output is as it was.
func TestNoLiveLineOnAPipe(t *testing.T) {
	for _, c := range []Config{{}, {ErrIsTerminal: true, Plain: true}} {
		var out bytes.Buffer
		c.Out, c.Err = &out, &out
		s := New(c)
		s.CountDown(t.Context(), time.Now().Add(time.Hour)) // returns
		s.Live(t.Context(), "x")
		s.Clear()
		s.Print("a")
		if out.String() != "a\n" {
			t.Errorf("%q", out.String())
		}
	}
}
