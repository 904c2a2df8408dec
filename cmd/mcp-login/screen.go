package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// screen is a terminal whose last line may change: how long a sign-in may still
// take, how far a call is. Whatever else is written, to stderr or stdout, takes
// that line's place. The zero value draws no such line.
type screen struct {
	w     io.Writer // stderr; nil where it is no terminal, or NO_COLOR is set
	mu    sync.Mutex
	drawn bool
}

// eraseLine goes back to the first column and clears what stands there.
const eraseLine = "\r\x1b[K"

// show draws the line, unless ctx is done: what is written after that is not
// followed by a line that is out of date.
func (s *screen) show(ctx context.Context, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil || ctx.Err() != nil {
		return
	}
	_, _ = io.WriteString(s.w, eraseLine+text)
	s.drawn = true
}

// clear takes the line away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

// erase is clear for callers that hold the lock.
func (s *screen) erase() {
	if s.drawn {
		_, _ = io.WriteString(s.w, eraseLine)
		s.drawn = false
	}
}

// above returns a writer to the same terminal whose text takes the line's place.
func (s *screen) above(w io.Writer) io.Writer { return aboveLine{s, w} }

type aboveLine struct {
	s *screen
	w io.Writer
}

func (a aboveLine) Write(p []byte) (int, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.erase()
	return a.w.Write(p)
}

// countDown shows how long a sign-in may still take, until ctx is done.
func (s *screen) countDown(ctx context.Context, deadline time.Time) {
	if s.w == nil || deadline.IsZero() {
		return
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		left := max(time.Until(deadline).Round(time.Second), 0)
		s.show(ctx, fmt.Sprintf("waiting for the sign-in, %d:%02d left; Ctrl-C gives up", int(left.Minutes()), int(left.Seconds())%60))
		select {
		case <-ctx.Done():
			s.clear()
			return
		case <-second.C:
		}
	}
}
