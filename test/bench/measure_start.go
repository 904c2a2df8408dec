package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mcp-login/test/bench/kernel"
)

// visit is one session: begun, and ended at once.
type visit struct {
	ready    time.Duration // until initialize was answered
	requests int           // that the target had seen by then
	usage    usage
}

// pay makes a visit.
func pay(ctx context.Context, l *lab, s *subject, w way, set settings, home string, env ...string) (v visit, err error) {
	if err := l.behave(set); err != nil {
		return v, err
	}
	from := time.Now()
	p, err := s.open(l, w, home, env...)
	if err != nil {
		return v, err
	}
	err = begin(ctx, p)
	v.ready = time.Since(from)
	if err == nil {
		var c counts
		c, err = l.counts()
		v.requests = c.Requests
	}
	if err == nil {
		err = begun(p)
	}
	return v, closing(p, err, &v.usage)
}

// closing ends a session and joins what went wrong, with the last words of a
// bridge that failed.
func closing(s session, err error, u *usage) error {
	if p, ok := s.(*process); ok && err != nil {
		kernel.Kill(p.cmd) // it may not listen any more
		_, _ = p.close()
		return fmt.Errorf("%w; it said: %s", err, p.said)
	}
	used, ended := s.close()
	if u != nil {
		*u = used
	}
	return errors.Join(err, ended)
}

// series makes n visits in pairs: the first with an empty home, the second with
// what the first has left there.
func series(ctx context.Context, l *lab, s *subject, w way, set settings, n int, env ...string) (first, known []visit, err error) {
	for range n {
		home, err := l.home()
		if err != nil {
			return nil, nil, err
		}
		for _, list := range []*[]visit{&first, &known} {
			v, err := pay(ctx, l, s, w, set, home, env...)
			if err != nil {
				return nil, nil, err
			}
			*list = append(*list, v)
		}
	}
	return first, known, nil
}

// of returns the median of something of the visits.
func of(list []visit, what func(visit) time.Duration) float64 {
	var all []time.Duration
	for _, v := range list {
		all = append(all, what(v))
	}
	return milliseconds(median(all))
}

func ready(v visit) time.Duration { return v.ready }
func cpu(v visit) time.Duration   { return v.usage.cpu }
func exit(v visit) time.Duration  { return v.usage.exit }

// measureStart is how soon the answer to initialize is there, and what a
// session without anything else costs.
func measureStart(ctx context.Context, l *lab, s *subject) (figures, error) {
	n := l.size.starts
	if s.slow {
		n = (n + 1) / 2
	}
	first, known, err := series(ctx, l, s, wayJSON, settings{}, n)
	if err != nil {
		return nil, err
	}
	f := figures{"start.first": of(first, ready), "start.known": of(known, ready)}
	if s.remote {
		f["requests.first"], f["requests.known"] = float64(first[0].requests), float64(known[0].requests)
	}
	if s.command != nil {
		f["exit"] = of(append(first, known...), exit)
		f["cpu.first"], f["cpu.known"] = of(first, cpu), of(known, cpu)
	}
	if fits(s, waySecure) {
		if first, known, err = series(ctx, l, s, waySecure, settings{}, n); err != nil {
			return f, err
		}
		f["start.tls.first"], f["start.tls.known"] = of(first, ready), of(known, ready)
	}
	return f, nil
}

// delay is what each request takes longer, as if the server were far away.
const delay = 50 * time.Millisecond

func measureDelay(ctx context.Context, l *lab, s *subject) (figures, error) {
	first, known, err := series(ctx, l, s, wayJSON, settings{Delay: delay}, (l.size.starts+2)/3)
	if err != nil {
		return nil, err
	}
	f := figures{"start.delayed.first": of(first, ready), "start.delayed.known": of(known, ready)}
	if fits(s, waySecure) {
		if first, known, err = series(ctx, l, s, waySecure, settings{Delay: delay}, (l.size.starts+2)/3); err != nil {
			return f, err
		}
		f["start.tls.delayed.first"], f["start.tls.delayed.known"] = of(first, ready), of(known, ready)
	}
	return f, nil
}

// measureLogin is the first visit of a person, and the next one.
func measureLogin(ctx context.Context, l *lab, s *subject) (figures, error) {
	first, again, err := series(ctx, l, s, wayJSON, settings{Auth: true}, l.size.logins, l.browserEnv()...)
	if err != nil {
		return nil, err
	}
	f := figures{
		"login.first": of(first, ready), "login.again": of(again, ready),
		"login.first.requests": float64(first[0].requests), "login.again.requests": float64(again[0].requests),
	}
	if first, again, err = series(ctx, l, s, wayJSON, settings{Auth: true, Delay: delay}, 1, l.browserEnv()...); err != nil {
		return f, err
	}
	f["login.delayed.first"], f["login.delayed.again"] = of(first, ready), of(again, ready)
	return f, nil
}

// measureIdle is the memory of a bridge that has begun and made one call.
func measureIdle(ctx context.Context, l *lab, s *subject) (f figures, err error) {
	p, err := s.fresh(l, wayJSON)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(p, err, nil) }()
	if err := begin(ctx, p); err != nil {
		return nil, err
	}
	if err := begun(p); err != nil {
		return nil, err
	}
	time.Sleep(l.size.settle)
	return figures{"idle": mebibytes(kernel.MemoryOf(p.pid()).Now)}, nil
}

// measureCrowd is several bridges of one person at once.
func measureCrowd(ctx context.Context, l *lab, s *subject) (f figures, err error) {
	home, err := l.home()
	if err != nil {
		return nil, err
	}
	from := time.Now()
	var crowd []session
	defer func() {
		for _, p := range crowd {
			err = closing(p, err, nil)
		}
	}()
	for range l.size.crowd {
		p, err := s.open(l, wayJSON, home)
		if err != nil {
			return nil, err
		}
		crowd = append(crowd, p)
	}
	if err := parallel(len(crowd), len(crowd), func(_, i int) error { return begin(ctx, crowd[i]) }); err != nil {
		return nil, err
	}
	took := time.Since(from)
	for _, p := range crowd {
		if err := begun(p); err != nil {
			return nil, err
		}
	}
	time.Sleep(l.size.settle)
	var sum kernel.Memory
	for _, p := range crowd {
		m := kernel.MemoryOf(p.pid())
		sum.Now, sum.Proportional = sum.Now+m.Now, sum.Proportional+m.Proportional
	}
	return figures{"crowd.rss": mebibytes(sum.Now), "crowd.pss": mebibytes(sum.Proportional), "crowd.ready": milliseconds(took)}, nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
