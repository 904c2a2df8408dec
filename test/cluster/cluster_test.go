package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/test/real"
)

const (
	users        = 8
	streamCalls  = 500 // of each of two streams of each user
	sessionCalls = 125 // of each user, with a session and without
	atATime      = 4
)

// 10,000 calls of eight users over two replicas behind nginx, with
// HTTP+SSE, sessions and without: none lost, none crossed between users, none
// answered twice.
func TestTenThousandCalls(t *testing.T) {
	c := newCluster(t)
	var next, done atomic.Int64
	var wg sync.WaitGroup
	many := func(n int, call func(ctx context.Context, id int) error) {
		wg.Go(func() {
			for range n {
				if err := call(t.Context(), int(next.Add(1))); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	var streams []*stream
	for n := range users {
		u := c.user(t, n)
		for range 2 {
			s := &stream{user: u}
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
			for range atATime {
				many(streamCalls/atATime, s.call)
			}
		}
		s := &stateful{user: u}
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		many(sessionCalls, s.call)
		many(sessionCalls, stateless{u}.call)
	}
	began := time.Now()
	wg.Wait()
	t.Logf("%d calls in %s", done.Load(), time.Since(began).Round(time.Millisecond))
	if done.Load() != 10_000 {
		t.Errorf("%d calls were answered", done.Load())
	}
	for n, r := range c.replicas {
		forwarded := r.metric(t, `whoami_forwarded_total{outcome="accepted"}`)
		t.Logf("replica %d handed %s messages to the other", n+1, forwarded)
		if forwarded == "absent" || forwarded == "0" {
			t.Errorf("replica %d handed over nothing: the test shows nothing", n+1)
		}
	}
	for _, s := range streams {
		s.close()
		for _, err := range s.strange {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// A session of somebody else is 404 at either replica, on POST, GET and DELETE
// and on HTTP+SSE, and nothing appears on the owner's stream.
func TestForeignSessionsAcrossReplicas(t *testing.T) {
	c := newCluster(t)
	alice, mallory := c.user(t, 1), c.user(t, 2)
	s := &stream{user: alice}
	owned := &stateful{user: alice}
	for _, x := range []caller{s, owned} {
		if err := x.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 { // nginx sends them to the replicas in turn
		for _, try := range []struct{ method, path, body, session string }{
			{"POST", s.endpoint, strings.Replace(whoami, "%d", "1", 1), ""},
			{"POST", "/mcp", strings.Replace(whoami, "%d", "1", 1), owned.session},
			{"GET", "/mcp", "", owned.session},
			{"DELETE", "/mcp", "", owned.session},
		} {
			resp, err := mallory.do(t.Context(), try.method, try.path, try.body, try.session)
			if !errors.Is(err, errNoSession) {
				t.Errorf("%s %s: %v, %v", try.method, try.path, resp, err)
			}
		}
	}
	for id := range 8 {
		for _, x := range []caller{s, owned} {
			if err := x.call(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
	}
	s.close()
	if len(s.strange) != 0 {
		t.Errorf("on alice's stream: %v", s.strange)
	}
}

const callsInTrouble = 400 // of each client

// A replica is killed by SIGKILL, Redis is restarted, the replica comes
// back, all in the middle of calls: every client gets all its answers by
// reconnecting, and none is answered to another user or lost on a stream that
// lives.
func TestReplicaDiesAndRedisRestarts(t *testing.T) {
	real.Long(t, "restarts Redis")
	c := newCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var met trouble
	var next, done atomic.Int64
	var wg sync.WaitGroup
	var clients []caller
	for n := range users {
		u := c.user(t, n)
		clients = append(clients, &stream{user: u}, &stream{user: u}, &stateful{user: u}, stateless{u})
	}
	for _, x := range clients {
		wg.Go(func() {
			for range callsInTrouble {
				if err := persist(ctx, x, int(next.Add(1)), &met); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	total := int64(len(clients) * callsInTrouble)
	reached := func(part int64) {
		for done.Load() < total*part/10 && ctx.Err() == nil && !t.Failed() {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond): // a busy machine has all of ctx for it
			}
		}
	}
	reached(2)
	c.replicas[0].kill()
	reached(4)
	c.redis.Kill(t)
	c.redis.Start(t)
	reached(6)
	c.replicas[0].start(t)
	reached(8)
	c.replicas[1].kill()
	c.replicas[1].start(t)
	wg.Wait()
	t.Logf("%d calls, %d times a client had to begin anew", done.Load(), met.sessions.Load()+met.streams.Load()-3*users) // each but the stateless ones begins once
	if done.Load() != total {
		t.Errorf("%d of %d calls were answered", done.Load(), total)
	}
	for _, x := range clients {
		x.close()
		if s, ok := x.(*stream); ok && len(s.strange) != 0 {
			t.Errorf("%s: %v", s.name, s.strange)
		}
	}
}

// trouble is what clients had to do beside calling.
type trouble struct {
	sessions, streams, repeats atomic.Int64
}

// persist does what a good client does until the call is answered.
func persist(ctx context.Context, x caller, id int, met *trouble) error {
	for {
		err := x.call(ctx, id)
		if errors.Is(err, errNoSession) {
			if streams(x) {
				met.streams.Add(1)
			} else {
				met.sessions.Add(1)
			}
			if err = x.restart(ctx); err == nil {
				continue
			}
		}
		if !errors.Is(err, errAgain) || ctx.Err() != nil {
			return err
		}
		met.repeats.Add(1)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
