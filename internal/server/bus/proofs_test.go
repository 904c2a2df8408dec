package bus

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// What one has remembered all know until it is over, and no other resource; and a command that
// arrives once more, after the connection broke before Redis had confirmed, knows its own value.
func TestRememberIsForAllReplicasOnce(t *testing.T) {
	service := real.Redis(t)
	a, b, other := dial(t, service), dial(t, service), dialFor(t, service, someResource+"/other")
	what, until := sha256.Sum256([]byte("proof")), time.Now().Add(time.Minute)
	for k, want := range []bool{true, false, false, true} {
		if first, err := []*Redis{a, a, b, other}[k].Remember(t.Context(), what, until); err != nil || first != want {
			t.Errorf("%d: %t, %v", k, first, err)
		}
	}
	for k, tt := range []struct {
		value string
		want  int
	}{{"mine", 1}, {"mine", 1}, {"another's", 0}, {"mine", 1}} {
		if n, err := rememberScript.Run(t.Context(), a.client, []string{a.space + "once:x"}, tt.value, 60_000).Int(); err != nil || n != tt.want {
			t.Errorf("%d: %s: %d, %v", k, tt.value, n, err)
		}
	}
	short := sha256.Sum256([]byte("over soon"))
	if first, err := a.Remember(t.Context(), short, time.Now()); err != nil || !first {
		t.Error(first, err)
	}
	binary.Until(t, "it to be over", func() bool {
		first, err := b.Remember(t.Context(), short, time.Now().Add(time.Minute))
		return err == nil && first
	})
}

// What Redis refuses, such as a script of a user that may run none, is that command's error alone: it is up.
func TestARefusedCommandIsNoOutage(t *testing.T) {
	var log binary.Output
	r, err := Dial("redis://"+real.Redis(t).Address, someResource, log.Logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	binary.Until(t, "the bus to work", func() bool { return r.Healthy() == nil })
	if err := r.client.Do(t.Context(), "ACL", "SETUSER", "default", "-@scripting", "-publish").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Remember(t.Context(), sha256.Sum256([]byte("proof")), time.Now().Add(time.Minute)); err == nil || errors.Is(err, errNotHealthy) {
		t.Errorf("a proof: %v", err)
	}
	if _, err := r.Request(t.Context(), r.Self(), []byte("x")); err == nil {
		t.Error("a request was published")
	}
	if said := log.String(); r.Healthy() != nil || strings.Contains(said, "the bus is down") {
		t.Errorf("the bus is said to be down: %s", said)
	}
}

// answering is a Redis that answers, or not, at once.
type answering struct {
	asked int
	err   error
}

func (*answering) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*answering) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a *answering) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error {
		a.asked++
		return a.err
	}
}

// One command without an answer is no outage until the next heartbeat: that comes at once. While Redis stays
// away it comes once a second as ever.
func TestABusThatFailedOnceIsUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := new(answering)
		r := &Redis{client: redis.NewClient(&redis.Options{Addr: "127.0.0.1:9"}), log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1)}
		defer func() { _ = r.client.Close() }()
		r.client.AddHook(wire)
		r.life, r.end = context.WithCancel(t.Context())
		r.work.Go(r.heartbeat)
		defer r.work.Wait()
		defer r.end()
		synctest.Wait()
		r.failed(context.DeadlineExceeded)
		if synctest.Wait(); r.Healthy() != nil || wire.asked != 2 { // no time has passed
			t.Errorf("after one lost packet: %v, asked %d times", r.Healthy(), wire.asked)
		}
		wire.err, wire.asked = context.DeadlineExceeded, 0
		r.failed(wire.err)
		<-time.After(10*time.Second + time.Millisecond)
		if synctest.Wait(); r.Healthy() == nil || wire.asked != 11 {
			t.Errorf("while Redis is away: %v, asked %d times in ten seconds", r.Healthy(), wire.asked)
		}
	})
}
