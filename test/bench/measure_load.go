package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mcp-login/test/bench/kernel"
)

func fits(s *subject, w way) bool { return slices.Contains(s.ways, w) }

// opened starts a bridge and its session.
func opened(ctx context.Context, l *lab, s *subject, w way) (session, error) {
	p, err := s.fresh(l, w)
	if err != nil {
		return nil, err
	}
	if err := begin(ctx, p); err != nil {
		return nil, closing(p, err, nil)
	}
	if err := begun(p); err != nil {
		return nil, closing(p, err, nil)
	}
	return p, nil
}

// measureLoad makes many short calls, some number of them at once.
func measureLoad(ctx context.Context, l *lab, s *subject, w way) (f figures, err error) {
	p, err := opened(ctx, l, s, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(p, err, nil) }()
	n := l.size.calls
	if s.slow {
		n /= 3
	}
	if err := parallel(l.size.warm, 8, func(worker, _ int) error { return echo(ctx, p, 1+worker) }); err != nil {
		return nil, err
	}
	kernel.ForgetPeak(p.pid())
	f = figures{}
	if w == waySecure {
		c, err := l.counts()
		if err != nil {
			return nil, err
		}
		f["load.tls.version"] = map[string]float64{"HTTP/1.1": 1.1, "HTTP/2.0": 2}[c.Protocol]
	}
	for _, k := range l.size.flights {
		if err := burst(ctx, p, f, n, k, "load."+string(w)+"."+strconv.Itoa(k)); err != nil {
			return f, err
		}
	}
	if s.command != nil {
		f["load."+string(w)+".peak"] = mebibytes(kernel.MemoryOf(p.pid()).Peak)
	}
	return f, nil
}

// burst makes n calls, k at once, and notes what they took.
func burst(ctx context.Context, p session, f figures, n, k int, key string) error {
	var mu sync.Mutex
	times := make([]time.Duration, 0, n)
	used, from := kernel.CPUTime(p.pid()), time.Now()
	err := parallel(n, k, func(worker, _ int) error {
		at := time.Now()
		if err := echo(ctx, p, 1+worker); err != nil {
			return err
		}
		took := time.Since(at)
		mu.Lock()
		times = append(times, took)
		mu.Unlock()
		return nil
	})
	if err != nil {
		return err
	}
	elapsed := time.Since(from)
	slices.Sort(times)
	f[key+".rate"] = float64(n) / elapsed.Seconds()
	f[key+".p50"], f[key+".p99"] = milliseconds(times[n/2]), milliseconds(times[n*99/100])
	if p.pid() != 0 {
		f[key+".cpu"] = (kernel.CPUTime(p.pid()) - used).Seconds() / float64(n) * 10_000
	}
	return nil
}

// largeSizes are those of large results, in MiB.
var largeSizes = []int{1, 16, 64}

// measureLarge gets large results, one after the other, each size from a bridge
// of its own.
func measureLarge(ctx context.Context, l *lab, s *subject, w way) (figures, error) {
	f := figures{}
	var failed error
	for _, size := range largeSizes {
		if err := bulk(ctx, l, s, w, size, f); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%d MiB: %w", size, err))
		}
	}
	return f, failed
}

func bulk(ctx context.Context, l *lab, s *subject, w way, size int, f figures) (err error) {
	p, err := opened(ctx, l, s, w)
	if err != nil {
		return err
	}
	defer func() { err = closing(p, err, nil) }()
	n, length := l.size.large[size], size<<20
	params := fmt.Sprintf(`{"name":%q,"arguments":{"size":%d}}`, toolBig, length)
	payload(length) // what to compare with is made before the clock runs
	if err := echo(ctx, p, 1); err != nil {
		return err
	}
	kernel.ForgetPeak(p.pid())
	used, from := kernel.CPUTime(p.pid()), time.Now()
	for i := range n {
		r, err := call(ctx, p, 2+i, "tools/call", params)
		if err != nil {
			return err
		}
		if !r.intact || r.length < length {
			return fmt.Errorf("the result is not what the server sent: %d bytes, %.120q", r.length, r.head)
		}
	}
	key := fmt.Sprintf("large.%s.%d", w, size)
	whole := float64(n * size)
	f[key+".rate"] = whole / time.Since(from).Seconds()
	if p.pid() != 0 {
		f[key+".cpu"] = milliseconds(kernel.CPUTime(p.pid())-used) / whole
		f[key+".peak"] = mebibytes(kernel.MemoryOf(p.pid()).Peak)
	}
	return nil
}

// storm counts notifications as they come.
type storm struct {
	seen, last, disorder atomic.Int64
}

func (s *storm) note(line []byte) {
	_, rest, ok := bytes.Cut(line, []byte(`"progress":`))
	if !ok {
		return
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	at, err := strconv.ParseInt(string(rest[:n]), 10, 64)
	if err != nil {
		return
	}
	s.seen.Add(1)
	if at != s.last.Load()+1 {
		s.disorder.Add(1)
	}
	s.last.Store(at)
}

// measureNotifications asks for very many notifications before an answer. What
// has not come when the answer is there is lost.
func measureNotifications(ctx context.Context, l *lab, s *subject) (f figures, err error) {
	p, err := s.fresh(l, wayJSON)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(p, err, nil) }()
	var counter storm
	p.inbox().note = counter.note
	if err := begin(ctx, p); err != nil {
		return nil, err
	}
	if err := begun(p); err != nil {
		return nil, err
	}
	if err := echo(ctx, p, 1); err != nil {
		return nil, err
	}
	n := int64(l.size.notifications)
	params := fmt.Sprintf(`{"name":%q,"arguments":{"count":%d},"_meta":{"progressToken":"storm"}}`, toolNotify, n)
	var rates []float64
	var lost int64
	used := kernel.CPUTime(p.pid())
	for i := range l.size.storms {
		counter.seen.Store(0)
		counter.last.Store(0)
		from := time.Now()
		if _, err := call(ctx, p, 2+i, "tools/call", params); err != nil {
			return nil, err
		}
		rates = append(rates, float64(counter.seen.Load())/time.Since(from).Seconds()/1000)
		lost += max(0, n-counter.seen.Load())
	}
	f = figures{"notifications.rate": median(rates), "notifications.lost": float64(lost), "notifications.disorder": float64(counter.disorder.Load())}
	if p.pid() != 0 {
		f["notifications.cpu"] = milliseconds(kernel.CPUTime(p.pid())-used) / float64(l.size.storms) * 10_000 / float64(n)
	}
	return f, nil
}
