package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"mcp-login/internal/retry"
	"mcp-login/internal/server"
)

// What goes over a channel: a kind, the number of the request, the name of the
// replica to answer, and the message.
const (
	request   = "q"
	reply     = "r"
	broadcast = "t"
)

func encode(kind, number, from string, message []byte) string {
	return kind + " " + number + " " + from + " " + string(message)
}

func decode(s string) (kind, number, from string, message []byte, ok bool) {
	parts := strings.SplitN(s, " ", 4)
	if len(parts) != 4 || parts[0] != request && parts[0] != reply && parts[0] != broadcast {
		return "", "", "", nil, false
	}
	return parts[0], parts[1], parts[2], []byte(parts[3]), true
}

// Request sends a message to a replica and returns its reply, within five seconds.
// The error matches [server.ErrNoReplica] when the replica does not live any more.
func (r *Redis) Request(ctx context.Context, replica string, message []byte) ([]byte, error) {
	if !isName(replica) {
		return nil, fmt.Errorf("ask replica: %w", server.ErrNoReplica)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	number := rand.Text()
	answer := make(chan []byte, 1)
	r.mu.Lock()
	r.waiting[number] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waiting, number)
	}()

	if err := r.publish(ctx, replica, encode(request, number, r.self, message)); err != nil {
		return nil, fmt.Errorf("ask replica: %w", err)
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
	case <-r.life.Done():
	}
	return nil, fmt.Errorf("ask replica: %w", r.whyNoReply(replica, ctx.Err()))
}

// isName keeps what a client invents out of channel names.
func isName(s string) bool {
	return len(s) == 16 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
}

// publish hands data to a replica. If nobody listens the replica is dead, unless
// Redis was away lately: then it may be on its way back.
func (r *Redis) publish(ctx context.Context, replica, data string) error {
	for deadline := time.Now().Add(reconnectPatience); ; {
		listeners, err := r.client.Publish(ctx, r.channel(replica), data).Result()
		if err != nil {
			r.failed(err)
			return err
		}
		if listeners > 0 {
			return nil
		}
		if !r.recentTrouble() && r.listening(ctx) || time.Now().After(deadline) {
			return server.ErrNoReplica
		}
		if retry.Sleep(ctx, retryPause) != nil {
			return ctx.Err()
		}
	}
}

// listening reports whether Redis knows this process. If not, it has just been
// restarted, and may not know the others yet either.
func (r *Redis) listening(ctx context.Context) bool {
	n, err := r.client.PubSubNumSub(ctx, r.channel(r.self)).Result()
	if err == nil && n[r.channel(r.self)] > 0 {
		return true
	}
	r.restarted()
	return false
}

// whyNoReply tells a replica that is dead from one that was slow.
func (r *Redis) whyNoReply(replica string, why error) error {
	ctx, cancel := context.WithTimeout(r.life, time.Second)
	defer cancel()
	if n, err := r.client.Exists(ctx, r.aliveKey(replica)).Result(); err == nil && n == 0 && !r.recentTrouble() {
		return server.ErrNoReplica
	}
	return errors.Join(errors.New("no reply"), why)
}

// listen takes what others send until the bus is closed. go-redis connects again
// whenever the connection is lost.
func (r *Redis) listen() {
	sub := r.client.Subscribe(r.life, r.channel(r.self), r.all())
	defer func() { _ = sub.Close() }()
	incoming := sub.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(time.Second), redis.WithChannelSize(maxRequests))
	defer close(r.left)
	leave := r.leaving.Done()
	for {
		select {
		case <-leave:
			leave = nil
			if sub.Unsubscribe(r.life) != nil {
				return
			}
		case m, ok := <-incoming:
			if !ok {
				return
			}
			switch m := m.(type) {
			case *redis.Subscription:
				if m.Kind == "unsubscribe" { // after all that was published before
					r.answers.Wait()
					return
				}
				r.restarted()
			case *redis.Message:
				r.receive(m.Payload)
			}
		case <-r.life.Done():
			return
		}
	}
}

func (r *Redis) receive(data string) {
	kind, number, from, message, ok := decode(data)
	if !ok {
		r.log.Warn("a message on the bus is not understood")
		return
	}
	switch kind {
	case broadcast:
		if handle := r.onBroadcast.Load(); handle != nil && from != r.self {
			(*handle)(message)
		}
		return
	case reply:
		r.mu.Lock()
		defer r.mu.Unlock()
		if answer, ok := r.waiting[number]; ok {
			delete(r.waiting, number)
			answer <- message
		}
		return
	}
	answer := r.onRequest.Load()
	if answer == nil || !isName(from) || !r.firstTime(number) {
		return
	}
	select {
	case r.slots <- struct{}{}:
	case <-r.life.Done():
		return
	}
	r.answers.Go(func() {
		defer func() { <-r.slots }()
		ctx, cancel := context.WithTimeout(r.life, requestTimeout)
		defer cancel()
		// Whoever asked may listen again only a moment later than we do, after
		// Redis was away.
		err := r.publish(ctx, from, encode(reply, number, r.self, (*answer)(ctx, message)))
		if err != nil && !errors.Is(err, server.ErrNoReplica) {
			r.log.Warn("reply to a replica", slog.Any("error", err))
		}
	})
}

// firstTime reports whether a request is new: go-redis publishes again when the
// connection breaks before Redis has confirmed, and no call may run twice.
func (r *Redis) firstTime(number string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[number] || r.seenBefore[number] {
		return false
	}
	if len(r.seen) >= maxSeen {
		r.seen, r.seenBefore = make(map[string]bool), r.seen
	}
	r.seen[number] = true
	return true
}

// Broadcast hands a message to all other replicas that are there, soon. If too many
// wait already, or Redis does not answer, it is lost.
func (r *Redis) Broadcast(message []byte) {
	select {
	case r.broadcasts <- message:
	default:
		r.log.Warn("too much to tell the other replicas")
	}
}

// sendBroadcasts publishes what Broadcast was given.
func (r *Redis) sendBroadcasts() {
	for {
		select {
		case message := <-r.broadcasts:
			err := r.client.Publish(r.life, r.all(), encode(broadcast, "-", r.self, message)).Err()
			if err != nil && r.life.Err() == nil {
				r.failed(err)
			}
		case <-r.life.Done():
			return
		}
	}
}
