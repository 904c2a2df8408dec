package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/server"
	"mcp-login/test/binary"
	"mcp-login/test/leak"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { leak.Main(m) }

const someResource = "https://mcp.example.com/mcp"

func dial(t *testing.T, s *real.Service) *Redis {
	t.Helper()
	return dialFor(t, s, someResource)
}

func dialFor(t *testing.T, s *real.Service, resource string) *Redis {
	t.Helper()
	r, err := Dial("redis://"+s.Address+"/0", resource, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	binary.Until(t, "the bus to work", func() bool {
		return r.Healthy() == nil && r.listening(t.Context())
	})
	return r
}

// quiet makes r believe that all has been well for some seconds.
func quiet(r *Redis) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubled = time.Time{}
}

// Many requests at once are each answered with their own reply.
func TestRequestsGetTheirOwnReplies(t *testing.T) {
	service := real.Redis(t)
	a, b := dial(t, service), dial(t, service)
	b.HandleRequests(func(_ context.Context, m []byte) []byte { return append([]byte("re: "), m...) })
	a.HandleRequests(func(context.Context, []byte) []byte { return nil })
	var wg sync.WaitGroup
	for n := range 500 {
		wg.Go(func() {
			message := fmt.Sprintf("message %d \x00\n with blanks ", n)
			got, err := a.Request(t.Context(), b.Self(), []byte(message))
			if err != nil || string(got) != "re: "+message {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got, err := b.Request(t.Context(), a.Self(), []byte("x")); err != nil || len(got) != 0 {
		t.Errorf("an empty reply: %q, %v", got, err)
	}
}

// What one tells all others hear, and not itself.
func TestBroadcastReachesAllOthers(t *testing.T) {
	service := real.Redis(t)
	heard := make(chan string, 10)
	var all []*Redis
	for n := range 3 {
		r := dial(t, service)
		r.HandleBroadcasts(func(m []byte) { heard <- fmt.Sprint(n, string(m)) })
		all = append(all, r)
	}
	all[0].Broadcast([]byte("\x00 news \n"))
	got := map[string]bool{<-heard: true, <-heard: true}
	if !got["1\x00 news \n"] || !got["2\x00 news \n"] {
		t.Errorf("heard %v", got)
	}
	all[1].Broadcast([]byte("more"))
	if got = map[string]bool{<-heard: true, <-heard: true}; !got["0more"] || !got["2more"] {
		t.Errorf("heard %v", got)
	}
}

// A replica that is gone, or that a client invents, is ErrNoReplica at once
// when nothing else is wrong.
func TestRequestToADeadReplicaFails(t *testing.T) {
	service := real.Redis(t)
	a, b := dial(t, service), dial(t, service)
	name := b.Self()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	quiet(a)
	for _, replica := range []string{name, "0123456789abcdef", "", "*", "0123456789abcde ", strings.Repeat("x", 1000)} {
		if _, err := a.Request(t.Context(), replica, []byte("x")); !errors.Is(err, server.ErrNoReplica) {
			t.Errorf("%.20q: %v", replica, err)
		}
	}
	if len(a.waiting) != 0 {
		t.Error("questions are left behind")
	}
}

// A replica that ends answers what it has been asked, and whoever asks later knows that it is
// gone: nobody waits in vain.
func TestReplicaLeavesInOrder(t *testing.T) {
	service := real.Redis(t)
	a, b := dial(t, service), dial(t, service)
	b.HandleRequests(func(context.Context, []byte) []byte { return []byte("yes") })
	var answered atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				got, err := a.Request(t.Context(), b.Self(), []byte("x"))
				if err != nil {
					if !errors.Is(err, server.ErrNoReplica) {
						t.Error(err)
					}
					return
				}
				if string(got) != "yes" {
					t.Errorf("reply %q", got)
				}
				answered.Add(1)
			}
		})
	}
	binary.Until(t, "some answers", func() bool { return answered.Load() > 100 })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// While Redis is away requests fail, but nobody is declared dead; once it is
// back everything works again, a request that comes early included.
func TestBusSurvivesARestartOfRedis(t *testing.T) {
	service := real.Redis(t)
	a, b := dial(t, service), dial(t, service)
	b.HandleRequests(func(_ context.Context, m []byte) []byte { return m })
	quiet(a)
	service.Kill(t)
	if _, err := a.Request(t.Context(), b.Self(), []byte("x")); err == nil || errors.Is(err, server.ErrNoReplica) {
		t.Errorf("without Redis: %v", err)
	}
	if a.Healthy() == nil {
		t.Error("the bus is said to work")
	}
	if _, err := a.Touch(t.Context(), "o", "id", time.Minute); err == nil {
		t.Error("a session was looked up in nothing")
	}
	service.Start(t)
	got, err := a.Request(t.Context(), b.Self(), []byte("early"))
	if err != nil || string(got) != "early" {
		t.Errorf("right after the restart: %q, %v", got, err)
	}
	binary.Until(t, "good health", func() bool { return a.Healthy() == nil })
}

// After Redis was away the one who asks may be slower to listen again than the
// one who answers: the reply waits for it.
func TestReplyWaitsForWhoAsked(t *testing.T) {
	service := real.Redis(t)
	b := dial(t, service)
	answered := make(chan struct{})
	b.HandleRequests(func(context.Context, []byte) []byte { close(answered); return []byte("late") })
	asker := dial(t, service).client
	const name = "asker00000000000"
	binary.Until(t, "the other replica", func() bool {
		n, err := asker.Publish(t.Context(), b.channel(b.Self()), encode(request, "1", name, []byte("x"))).Result()
		return err == nil && n == 1
	})
	<-answered
	sub := asker.Subscribe(t.Context(), b.channel(name))
	defer func() { _ = sub.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), requestTimeout)
	defer cancel()
	m, err := sub.ReceiveMessage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if kind, number, _, text, ok := decode(m.Payload); !ok || kind != reply || number != "1" || string(text) != "late" {
		t.Errorf("%q", m.Payload)
	}
}

// A request that arrives twice is answered once: go-redis publishes again when
// a connection breaks at the wrong moment.
func TestRequestIsTakenOnce(t *testing.T) {
	r := &Redis{seen: make(map[string]bool)}
	if !r.firstTime("1") || r.firstTime("1") {
		t.Error("taken twice, or never")
	}
	for n := range 3 * maxSeen {
		r.firstTime(fmt.Sprint("n", n))
	}
	if n := len(r.seen) + len(r.seenBefore); n > 2*maxSeen {
		t.Errorf("%d are remembered", n)
	}
}

// A Redis that comes up after us is no line but that it is up; one that stays away is one.
func TestABusThatWasNeverUpIsInTheLogOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		down int // seconds
		want string
	}{"soon": {4, "level=INFO "}, "late": {60, "level=WARN level=INFO "}} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			r := &Redis{log: slog.New(slog.NewTextHandler(&log, nil)), life: t.Context(), err: errors.New("not connected yet"), patience: time.Now().Add(startPatience)}
			for range tt.down {
				r.record(errors.New("refused"))
				<-time.After(time.Second)
			}
			r.record(nil)
			if got := strings.Join(regexp.MustCompile(`level=\S+ `).FindAllString(log.String(), -1), ""); got != tt.want {
				t.Errorf("%s: %s", name, &log)
			}
		})
	}
}

// Garbage on the channel is dropped and logged without its text.
func TestGarbageOnTheBusIsIgnored(t *testing.T) {
	service := real.Redis(t)
	var log bytes.Buffer
	r, err := Dial("redis://"+service.Address, someResource, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r.HandleRequests(func(context.Context, []byte) []byte { t.Error("answered"); return nil })
	for _, data := range []string{"", "SECRET", "q 1", "x 1 2 SECRET", "q 1 bad-name SECRET", "r 1 2 SECRET"} {
		r.receive(data)
	}
	_ = r.Close()
	if strings.Contains(log.String(), "SECRET") || !strings.Contains(log.String(), "not understood") {
		t.Errorf("log: %s", &log)
	}
}

// What [server.SessionStore] promises, with the clock of a real Redis.
func TestSessionsAreBoundedAndEnd(t *testing.T) {
	a := dial(t, real.Redis(t))
	b := &Redis{client: a.client, space: a.space} // another replica
	ctx := t.Context()
	check := func(what string, want bool, got bool, err error) {
		t.Helper()
		if got != want || err != nil {
			t.Errorf("%s: %t, %v", what, got, err)
		}
	}
	begin := func(what string, want bool, owner, id string, idle time.Duration) {
		t.Helper()
		got, err := a.Begin(ctx, owner, id, 2, idle)
		check(what, want, got, err)
	}
	touch := func(what string, want bool, owner, id string, idle time.Duration) {
		t.Helper()
		got, err := b.Touch(ctx, owner, id, idle)
		check(what, want, got, err)
	}
	begin("first", true, "a", "1", time.Minute)
	begin("second", true, "a", "2", time.Minute)
	begin("one too many", false, "a", "3", time.Minute)
	begin("somebody else", true, "b", "4", time.Minute)
	touch("mine, not for long", true, "a", "2", 100*time.Millisecond)
	touch("mine, at another replica", true, "a", "1", time.Minute) // the last one says how long Redis keeps them all
	touch("not mine", false, "b", "1", time.Minute)
	got, err := a.End(ctx, "b", "1")
	check("end of another's", false, got, err)
	binary.Until(t, "a session to expire", func() bool {
		ok, err := a.Begin(ctx, "a", "5", 2, time.Minute)
		return ok && err == nil
	})
	touch("not used in time", false, "a", "2", time.Minute)
	touch("used", true, "a", "1", time.Minute)
	got, err = b.End(ctx, "a", "1")
	check("end", true, got, err)
	got, err = a.End(ctx, "a", "1")
	check("end twice", false, got, err)
	touch("ended", false, "a", "1", time.Minute)
	if ttl := a.client.PTTL(ctx, a.sessionsKey("a")).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("what is left in Redis goes after %s", ttl)
	}
}

// A replica that dies without closing its connection is dead once its sign of
// life has expired; until then it is slow.
func TestSlowReplicaIsNotDead(t *testing.T) {
	service := real.Redis(t)
	a, b := dial(t, service), dial(t, service)
	quiet(a)
	if err := a.whyNoReply(b.Self(), context.DeadlineExceeded); errors.Is(err, server.ErrNoReplica) {
		t.Errorf("alive and slow: %v", err)
	}
	if err := a.client.Del(t.Context(), a.aliveKey(b.Self())).Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.whyNoReply(b.Self(), context.DeadlineExceeded); !errors.Is(err, server.ErrNoReplica) {
		t.Errorf("silent: %v", err)
	}
	if ttl := a.client.PTTL(t.Context(), a.aliveKey(a.Self())).Val(); ttl <= 0 || ttl > deadAfter {
		t.Errorf("the sign of life lasts %s", ttl)
	}
}

// The address is checked without repeating the password.
func TestCheckKeepsThePasswordToItself(t *testing.T) {
	for _, good := range []string{"redis://h", "redis://h:1/2", "rediss://u:p@h:1"} {
		if err := Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "h:6379", "http://h", "redis://u:SECRET@h:x/y", "redis://:SECRET@h/notanumber", "unix:///x"} {
		if err := Check(bad); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Servers for two resources over one Redis have no sessions, no replicas
// and no news in common.
func TestResourcesShareNothing(t *testing.T) {
	service := real.Redis(t)
	a, again, b := dialFor(t, service, "https://h.example/a/mcp"), dialFor(t, service, "https://h.example/a/mcp"), dialFor(t, service, "https://h.example/b/mcp")
	a.HandleRequests(func(context.Context, []byte) []byte { return []byte("mine") })
	heard := make(chan string, 2)
	again.HandleBroadcasts(func([]byte) { heard <- "a" })
	b.HandleBroadcasts(func([]byte) { heard <- "b" })
	ctx := t.Context()
	if ok, err := a.Begin(ctx, "owner", "id", 9, time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := again.Touch(ctx, "owner", "id", time.Minute); !ok || err != nil {
		t.Errorf("at another replica: %t, %v", ok, err)
	}
	if ok, err := b.Touch(ctx, "owner", "id", time.Minute); ok || err != nil {
		t.Errorf("at another resource: %t, %v", ok, err)
	}
	if got, err := again.Request(ctx, a.Self(), []byte("x")); err != nil || string(got) != "mine" {
		t.Errorf("asked by another replica: %q, %v", got, err)
	}
	quiet(a)
	quiet(b)
	if got, err := b.Request(ctx, a.Self(), []byte("x")); !errors.Is(err, server.ErrNoReplica) {
		t.Errorf("asked by another resource: %q, %v", got, err)
	}
	a.Broadcast([]byte("news"))
	if who := <-heard; who != "a" {
		t.Errorf("%s has heard it", who)
	}
	if n := len(heard); n != 0 {
		t.Errorf("%d more have heard it", n)
	}
}

// Of all replicas one has something first, until then; those of another resource have their own.
func TestOneReplicaIsTheFirst(t *testing.T) {
	service := real.Redis(t)
	a, b, other := dial(t, service), dial(t, service), dialFor(t, service, "https://mcp.example.com/other")
	what := [32]byte{1}
	remember := func(r *Redis, keep time.Duration) bool {
		first, err := r.Remember(t.Context(), what, time.Now().Add(keep))
		if err != nil {
			t.Error(err)
		}
		return first
	}
	var firsts atomic.Int64
	var wg sync.WaitGroup
	for k := range 50 {
		wg.Go(func() {
			if remember([]*Redis{a, b}[k%2], time.Minute) {
				firsts.Add(1)
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 1 || !remember(other, time.Minute) {
		t.Errorf("%d were the first", firsts.Load())
	}
	what = [32]byte{2}
	if !remember(a, time.Nanosecond) {
		t.Error("something new is known")
	}
	binary.Until(t, "it is over", func() bool { return remember(b, time.Minute) })
}

// Without Redis nobody can tell, and that is said soon.
func TestWithoutRedisNobodyIsTheFirst(t *testing.T) {
	service := real.Redis(t)
	a := dial(t, service)
	service.Kill(t)
	if first, err := a.Remember(t.Context(), [32]byte{3}, time.Now().Add(time.Minute)); first || err == nil {
		t.Errorf("%t, %v", first, err)
	}
}
