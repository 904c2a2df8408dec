package bus

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// rememberScript is SET with NX, but that it knows its own value again: go-redis sends a command
// once more when the connection breaks before Redis has confirmed.
var rememberScript = redis.NewScript(`
local had = redis.call('GET', KEYS[1])
if had then return had == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

// rememberTimeout bounds the wait for Redis, for which a request waits.
const rememberTimeout = 2 * time.Second

// errNotHealthy spares requests the wait while it is known that Redis does not answer.
var errNotHealthy = errors.New("remember for all replicas: the bus does not work now")

// Remember keeps what for all replicas until then, and reports whether none of them had it. While
// Redis does not answer nobody can tell, which is an error.
func (r *Redis) Remember(ctx context.Context, what [sha256.Size]byte, until time.Time) (first bool, err error) {
	if why := r.Healthy(); why != nil {
		return false, fmt.Errorf("%w: %w", errNotHealthy, why)
	}
	bounded, cancel := context.WithTimeout(ctx, rememberTimeout)
	defer cancel()
	key := r.space + "once:" + base64.RawURLEncoding.EncodeToString(what[:])
	n, err := rememberScript.Run(bounded, r.client, []string{key}, rand.Text(), max(1, time.Until(until).Milliseconds())).Int()
	if err != nil {
		if ctx.Err() == nil { // it is not the client that has left
			r.failed(err)
		}
		return false, fmt.Errorf("remember for all replicas: %w", err)
	}
	return n == 1, nil
}
