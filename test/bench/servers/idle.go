package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mcp-login/test/bench/kernel"
)

// asked is how many of the idle HTTP+SSE streams are used in the end.
const asked = 100

// measureStreams opens many streams of many users, leaves them alone, and looks
// at the server once each has had heartbeats, and while it has more.
func measureStreams(ctx context.Context, l *lab, by transport, s *subject) (f figures, err error) {
	if err := kernel.AllowFiles(uint64(l.size.streams) + 256); err != nil {
		return nil, err
	}
	p, err := start(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	f = figures{}
	key := "streams." + string(by) + "."
	bare := kernel.MemoryOf(p.pid()).Now
	from := time.Now()
	streams, err := l.openAll(ctx, p, by)
	defer func() {
		for _, s := range streams {
			_ = s.conn.Close()
			<-s.ended
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, p.tail())
	}
	f[key+"opened"] = time.Since(from).Seconds()
	if err := l.awaitBeats(ctx, streams, l.size.beats); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", by, err, p.tail())
	}
	used, since, had := kernel.CPUTime(p.pid()), time.Now(), beats(streams)
	if err := l.awaitBeats(ctx, streams, 2*l.size.beats); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", by, err, p.tail())
	}
	more := beats(streams) - had
	f[key+"beats"] = float64(more) / time.Since(since).Seconds()
	if kernel.Tells {
		now := kernel.MemoryOf(p.pid())
		f[key+"rss"], f[key+"peak"] = mebibytes(now.Now), mebibytes(now.Peak)
		f[key+"each"] = float64(now.Now-bare) / float64(len(streams)) / 1024
		f[key+"cpu"] = (kernel.CPUTime(p.pid()) - used).Seconds() / float64(more) * 10_000
	}
	if by == transportSSE {
		for i := range min(asked, len(streams)) {
			if err := streams[i*len(streams)/min(asked, len(streams))].ask(ctx, p.address); err != nil {
				return nil, fmt.Errorf("a message on an idle stream: %w: %s", err, p.tail())
			}
		}
	}
	for n, s := range streams {
		select {
		case <-s.ended:
			return nil, fmt.Errorf("%s: stream %d has ended: %w", by, n, s.err)
		default:
		}
	}
	return f, nil
}

// openAll opens all streams, some at a time. What is returned with an error is
// to be closed as well.
func (l *lab) openAll(ctx context.Context, p *process, by transport) ([]*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		streams []*stream
		failed  error
	)
	numbers := make(chan int)
	for range l.size.opening {
		wg.Go(func() {
			for n := range numbers {
				s, err := l.openStream(ctx, p, by, n)
				mu.Lock()
				if err == nil {
					streams = append(streams, s)
				} else if failed == nil {
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for n := range l.size.streams {
		numbers <- n
	}
	close(numbers)
	wg.Wait()
	return streams, failed
}

// awaitBeats waits until each stream has had so many heartbeats.
func (l *lab) awaitBeats(ctx context.Context, streams []*stream, least int64) error {
	deadline := time.Now().Add(time.Duration(least)*l.size.beat + time.Minute)
	for {
		lacking := 0
		for n, s := range streams {
			select {
			case <-s.ended:
				return fmt.Errorf("stream %d has ended: %w", n, s.err)
			default:
			}
			if s.beats.Load() < least {
				lacking++
			}
		}
		switch {
		case lacking == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d of %d streams have had fewer than %d heartbeats", lacking, len(streams), least)
		}
		select {
		case <-time.After(l.size.beat / 20):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func beats(streams []*stream) (sum int64) {
	for _, s := range streams {
		sum += s.beats.Load()
	}
	return sum
}
