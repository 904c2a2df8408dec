package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/real"
)

// A replica is told to stop in the middle of 10,000 calls, of which none is lost. The
// sessions of the replica that is gone go on at the other.
//
// Behind Caddy, which asks each replica whether it is ready, nobody has to send anything
// again. nginx learns by an error only that a replica is gone: what it sends in the moment
// in which a connection is closed is 502, has not run, and is sent again by the client.
//
// A stream of HTTP+SSE ends with its replica, once all that was posted to it at either
// replica is answered. For that replicas need a bus, the gateway as well: without one its
// sessions of Streamable HTTP are lost no more than with one.
func TestReplicaStops(t *testing.T) {
	for name, test := range map[string]struct {
		before               balancer
		gateway, bus, repeat bool
	}{
		"gateway behind Caddy":         {caddy, true, true, false},
		"gateway behind Caddy, no bus": {caddy, true, false, false},
		"gateway behind nginx":         {nginx, true, true, true},
		"whoami behind Caddy":          {caddy, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			var c *cluster
			var u *upstream
			if test.gateway {
				u = startUpstream(t)
				var options []string
				if test.bus {
					options = []string{"--bus", "redis://" + real.Redis(t).Address}
				}
				c = newGateways(t, u, test.before, options...)
			} else {
				c = newClusterBehind(t, test.before)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			clients := clientsOf(ctx, t, c, test.bus)
			var met trouble
			calls, after := c.stopOne(ctx, t, clients, func(x caller, id int) error { return once(ctx, x, id, test.repeat, &met) })
			if u != nil {
				if ran := u.check(t); ran != calls {
					t.Errorf("%d calls were made, %d ran", calls, ran)
				}
			}
			for _, x := range clients {
				x.close()
				if s, ok := x.(*stream); ok && len(s.strange) != 0 {
					t.Errorf("%s: %v", s.name, s.strange)
				}
			}
			if met.sessions.Load() != 0 {
				t.Errorf("%d sessions were lost", met.sessions.Load())
			}
			t.Logf("%d calls, %d of them after one replica had gone; %d times one was sent again; %d streams were opened anew",
				calls, after, met.repeats.Load(), met.streams.Load())
		})
	}
}

// clientsOf are clients of every kind for each user, or of every kind but HTTP+SSE.
func clientsOf(ctx context.Context, t *testing.T, c *cluster, legacy bool) (all []caller) {
	t.Helper()
	for n := range users {
		p := c.user(t, n)
		of := []caller{&stateful{user: p}, stateless{p}, newBridged(t, p, "/mcp")}
		if legacy {
			bridge := newBridged(t, p, "/sse")
			of = append(of, &stream{user: p, once: true}, bridge, bridge) // two calls at a time
		}
		for _, x := range of {
			if err := x.restart(ctx); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, of...)
	}
	return all
}

// stopOne tells a replica to stop while clients call, until there were 10,000 calls, and a
// thousand of them after its end.
func (c *cluster) stopOne(ctx context.Context, t *testing.T, clients []caller, call func(x caller, id int) error) (calls, after int) {
	t.Helper()
	const total, begin, more = 10_000, 3_000, 1_000
	var next, done, last atomic.Int64
	last.Store(1 << 40)
	begun := make(chan struct{})
	var wg sync.WaitGroup
	for _, x := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				id := next.Add(1)
				if id > last.Load() {
					return
				}
				if err := call(x, int(id)); err != nil {
					t.Errorf("%T: %v", x, err)
					return
				}
				if done.Add(1) == begin {
					close(begun)
				}
			}
		})
	}
	select {
	case <-begun:
	case <-ctx.Done():
		t.Fatal("too few calls")
	}
	stopped := c.replicas[0]
	_ = stopped.cmd.Process.Signal(syscall.SIGTERM)
	if err := stopped.cmd.Wait(); err != nil {
		t.Errorf("the replica ended with %v", err)
	}
	stopped.cmd = nil
	before := next.Load()
	last.Store(max(total, before+more))
	wg.Wait()
	if done.Load() < total {
		t.Errorf("%d calls were answered", done.Load())
	}
	return int(done.Load()), int(done.Load() - before)
}

// once is a call that is answered. It is sent again only after it was refused for a moment, if
// repeat allows that, or because the stream had ended before.
func once(ctx context.Context, x caller, id int, repeat bool, met *trouble) error {
	err := x.call(ctx, id)
	for repeat && errors.Is(err, errAgain) && ctx.Err() == nil {
		met.repeats.Add(1)
		err = x.call(ctx, id)
	}
	if !streams(x) || !errors.Is(err, errNoSession) || errors.Is(err, errCut) {
		return err
	}
	met.streams.Add(1)
	if err := x.restart(ctx); err != nil {
		return fmt.Errorf("open the stream anew: %w", err)
	}
	return x.call(ctx, id)
}

// streams reports whether x uses HTTP+SSE.
func streams(x caller) bool {
	if b, ok := x.(*bridged); ok {
		return b.path == "/sse"
	}
	_, ok := x.(*stream)
	return ok
}
