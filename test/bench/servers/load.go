package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mcp-login/test/bench/kernel"
)

// figures are what one measure brought, by key.
type figures map[string]float64

// measureCalls starts a server, looks at it idle, and calls it by all
// connections at once, before and while it is measured.
func measureCalls(ctx context.Context, l *lab, s *subject) (figures, error) {
	before := l.provider.Stats()
	p, err := start(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.close() }()
	time.Sleep(l.size.settle)
	f := figures{}
	tell := func(name string, v float64) { f[string(s.kind)+"."+name] = v }
	if kernel.Tells {
		tell("idle", mebibytes(kernel.MemoryOf(p.pid()).Now))
	}
	if _, err := l.load(ctx, p, s, l.size.connections, l.size.warm); err != nil {
		return nil, fmt.Errorf("%s, %s, first calls: %w: %s", s.name, s.kind, err, p.tail())
	}
	kernel.ForgetPeak(p.pid())
	used, from := kernel.CPUTime(p.pid()), time.Now()
	took, err := l.load(ctx, p, s, l.size.connections, l.calls(s))
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w: %s", s.name, s.kind, err, p.tail())
	}
	span := time.Since(from)
	tell("rate", float64(len(took))/span.Seconds())
	slices.Sort(took)
	tell("p50", milliseconds(took[len(took)/2]))
	tell("p99", milliseconds(took[len(took)*99/100]))
	if kernel.Tells {
		tell("cpu", (kernel.CPUTime(p.pid())-used).Seconds()/float64(len(took))*10_000)
		tell("peak", mebibytes(kernel.MemoryOf(p.pid()).Peak))
	}
	after := l.provider.Stats()
	all := len(took) + l.size.connections*l.size.warm
	seen := visits{calls: all, tokens: l.size.connections, userinfo: after.Userinfo - before.Userinfo, jwks: after.JWKS - before.JWKS}
	tell("userinfo", float64(seen.userinfo)/float64(all)*1000)
	tell("jwks", float64(seen.jwks))
	if s.ops != nil {
		if seen.checks, err = goodChecks(ctx, p.ops); err != nil {
			return nil, err
		}
		tell("checks", float64(seen.checks)/float64(seen.tokens))
	}
	seen.terms = 1 + int(time.Since(p.since)/ttl)
	return f, seen.judge(s)
}

// load lets n connections make that many calls each and returns how long each
// took. When all are open it calls opened.
func (l *lab) load(ctx context.Context, p *process, s *subject, n, calls int, opened ...func()) ([]time.Duration, error) {
	connections := make([]*connection, n)
	defer func() {
		for _, c := range connections {
			if c != nil {
				c.close()
			}
		}
	}()
	for i := range connections {
		var err error
		if connections[i], err = l.connect(ctx, p, s, i%len(l.users)); err != nil {
			return nil, err
		}
	}
	for _, f := range opened {
		f()
	}
	var wg sync.WaitGroup
	took := make([]time.Duration, len(connections)*calls)
	errs := make([]error, len(connections))
	for i, c := range connections {
		mine := took[i*calls : (i+1)*calls]
		wg.Go(func() {
			for k := range mine {
				if mine[k], errs[i] = c.call(); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

// connect opens a connection of a user, with a session where answers are of the server
// behind.
func (l *lab) connect(ctx context.Context, p *process, s *subject, user int) (*connection, error) {
	token := l.tokens(s.kind)[user]
	if !s.behind {
		return dial(ctx, p.address, p.path, token, "", l.users[user])
	}
	session, err := begin(ctx, p.address, token)
	if err != nil {
		return nil, err
	}
	return dial(ctx, p.address, p.path, token, "Mcp-Session-Id: "+session+"\r\n", floorSubject)
}

// visits is what a server has asked the provider and checked itself.
type visits struct {
	calls, tokens          int
	userinfo, jwks, checks int
	terms                  int // how often a verdict can have been due
}

// judge is an error where whoami-server has asked or checked more often than
// once for each token and term, or not at all, and where the sample has not done
// what it is compared for.
func (v visits) judge(s *subject) error {
	between := func(what string, n, least, most int) error {
		if n < least || n > most {
			return fmt.Errorf("%s, %s: %d %s, not %d to %d, in %d calls with %d tokens", s.name, s.kind, n, what, least, most, v.calls, v.tokens)
		}
		return nil
	}
	most := v.tokens * v.terms
	switch {
	case s.peer && s.kind == kindOpaque:
		return between("userinfo requests", v.userinfo, v.calls, v.calls)
	case s.peer:
		return errors.Join(between("userinfo requests", v.userinfo, 0, 0), between("key set requests", v.jwks, 1, v.calls))
	case s.kind == kindOpaque:
		return errors.Join(between("userinfo requests", v.userinfo, v.tokens, most), between("checks", v.checks, v.tokens, most))
	}
	return errors.Join(between("userinfo requests", v.userinfo, 0, 0), between("key set requests", v.jwks, 1, 1),
		between("checks of a signature", v.checks, v.tokens, most))
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
