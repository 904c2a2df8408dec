package bus

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"mcp-login/internal/server"
)

const (
	// prefix of all channels and keys, before the resource's own part.
	prefix = "whoami:"
	// requestTimeout bounds one request to a replica.
	requestTimeout = 5 * time.Second
	// deadAfter is how long a replica may be unheard of before it is dead, and
	// heartbeatPeriod how often it is heard of.
	deadAfter, heartbeatPeriod = 15 * time.Second, 5 * time.Second
	// reconnectPatience is how long nobody may listen on a replica's channel
	// while Redis, or the way to it, has just come back.
	reconnectPatience = 3 * time.Second
	// startPatience is how long Redis may take to come up beside us before that is in the log.
	startPatience = 5 * time.Second
	retryPause    = 100 * time.Millisecond
	// leaveTime bounds an orderly end.
	leaveTime = time.Second
	// maxRequests bounds the requests of others that are being answered.
	maxRequests = 256
	// maxBroadcasts may wait to be sent; more are dropped.
	maxBroadcasts = 1024
	// maxSeen is how many requests are remembered in one of two generations.
	maxSeen = 1 << 13
)

// Redis is a bus over one Redis server, or what speaks its protocol. Make one
// with [Dial], end it with Close.
type Redis struct {
	client *redis.Client
	space  string // begins all channels and keys
	self   string
	log    *slog.Logger

	life    context.Context
	end     context.CancelFunc
	work    sync.WaitGroup
	answers sync.WaitGroup // to requests of others
	leaving context.Context
	leave   context.CancelFunc // begins the end
	left    chan struct{}      // closed when nothing more comes, and all is answered

	onRequest   atomic.Pointer[func(context.Context, []byte) []byte]
	onBroadcast atomic.Pointer[func([]byte)]
	slots       chan struct{}
	broadcasts  chan []byte   // to be sent to all
	wake        chan struct{} // has one when the heartbeat should not wait

	mu               sync.Mutex
	waiting          map[string]chan []byte // by number of the request
	seen, seenBefore map[string]bool        // numbers of requests taken
	err              error                  // of the last sign of life
	troubled         time.Time              // when there last was one
	patience         time.Time              // until when nothing is said of a Redis that never was up; zero once something was
}

// Check reports why address cannot be a bus: it must be a redis:// or rediss://
// URL, as go-redis reads it. The error does not repeat the password.
func Check(address string) error {
	_, err := options(address)
	return err
}

func options(address string) (*redis.Options, error) {
	if !strings.HasPrefix(address, "redis://") && !strings.HasPrefix(address, "rediss://") {
		return nil, errors.New("bus: must be a redis:// or rediss:// URL")
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("bus: not a URL of the form redis://[user:password@]host:port/[database]")
	}
	return o, nil
}

// Dial returns a bus between the replicas of resource, over the Redis at address.
// Servers for other resources may use the same Redis: they hear nothing of this
// bus and see none of its sessions. Redis may be down: the bus works as soon as it
// is there.
func Dial(address, resource string, log *slog.Logger) (*Redis, error) {
	o, err := options(address)
	if err != nil {
		return nil, err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	o.ContextTimeoutEnabled = true
	logging.Disable() // it writes to standard error on its own; what matters is logged here
	r := &Redis{
		client: redis.NewClient(o), space: space(resource), self: strings.ToLower(rand.Text()[:16]), log: log,
		left: make(chan struct{}), slots: make(chan struct{}, maxRequests), broadcasts: make(chan []byte, maxBroadcasts), wake: make(chan struct{}, 1), waiting: make(map[string]chan []byte), seen: make(map[string]bool),
		err: errors.New("not connected yet"), troubled: time.Now(), patience: time.Now().Add(startPatience),
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.leaving, r.leave = context.WithCancel(r.life)
	r.work.Go(r.listen)
	r.work.Go(r.heartbeat)
	r.work.Go(r.sendBroadcasts)
	return r, nil
}

var _ server.Bus = (*Redis)(nil)

// Close leaves the bus: what others have asked is answered first, and nothing more is
// taken, so that they know at once, and not after a timeout, that nobody is here. After a
// second what is left is cut off.
func (r *Redis) Close() error {
	r.leave()
	select {
	case <-r.left:
	case <-time.After(leaveTime):
	}
	r.end()
	gone, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.client.Del(gone, r.aliveKey(r.self)).Err() // it expires anyway
	err := r.client.Close()
	r.work.Wait()
	r.answers.Wait()
	if err != nil {
		return fmt.Errorf("close bus: %w", err)
	}
	return nil
}

// Self is the name of this process.
func (r *Redis) Self() string { return r.self }

// HandleRequests sets the function that answers requests of other replicas.
func (r *Redis) HandleRequests(f func(ctx context.Context, message []byte) []byte) {
	r.onRequest.Store(&f)
}

// HandleBroadcasts sets the function that takes messages for all. It must not block.
func (r *Redis) HandleBroadcasts(f func(message []byte)) { r.onBroadcast.Store(&f) }

// Healthy is nil while Redis answers.
func (r *Redis) Healthy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// space is a name for the resource that no character in it can break.
func space(resource string) string {
	sum := sha256.Sum256([]byte(resource))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:16]) + ":"
}

// all is the channel that every replica listens on.
func (r *Redis) all() string { return r.space + "all" }

func (r *Redis) channel(replica string) string { return r.space + "replica:" + replica }

func (r *Redis) aliveKey(replica string) string { return r.space + "alive:" + replica }

// heartbeat says again and again that this process is there, and thereby finds out
// whether Redis is.
func (r *Redis) heartbeat() {
	tick := time.NewTicker(heartbeatPeriod)
	defer tick.Stop()
	for {
		r.record(r.client.Set(r.life, r.aliveKey(r.self), 1, deadAfter).Err())
		pause := tick.C
		if r.Healthy() != nil {
			pause = time.After(time.Second)
		}
		select {
		case <-pause:
		case <-r.wake:
		case <-r.life.Done():
			return
		}
	}
}

// failed keeps that a command was not answered. A refusal by Redis is an answer, and may be about that
// command alone: the heartbeat finds out what else does not work.
func (r *Redis) failed(err error) {
	if !errors.As(err, new(redis.Error)) {
		r.record(err)
	}
}

// record keeps whether Redis answers, and logs when that changes.
func (r *Redis) record(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return
	}
	if err != nil {
		r.troubled = time.Now()
	}
	late := err != nil && !r.patience.IsZero() && time.Now().After(r.patience)
	if late || (err == nil) != (r.err == nil) {
		r.patience = time.Time{}
		if err != nil {
			r.log.Warn("the bus is down", slog.Any("error", err))
			select {
			case r.wake <- struct{}{}: // it may have been one packet
			default:
			}
		} else {
			r.log.Info("the bus is up", slog.String("replica", r.self))
		}
	}
	r.err = err
}

// restarted keeps that connections to Redis are, or have been, new.
func (r *Redis) restarted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubled = time.Now()
}

// recentTrouble reports whether Redis or the way to it may have failed so lately
// that a replica had no time to come back.
func (r *Redis) recentTrouble() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.troubled) < deadAfter
}
