package bus

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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

// Remember keeps what for all replicas until then, and reports whether none of them had it. While
// Redis does not answer nobody can tell, which is an error.
func (r *Redis) Remember(ctx context.Context, what [sha256.Size]byte, until time.Time) (first bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, rememberTimeout)
	defer cancel()
	key := r.space + "once:" + base64.RawURLEncoding.EncodeToString(what[:])
	n, err := rememberScript.Run(ctx, r.client, []string{key}, rand.Text(), max(1, time.Until(until).Milliseconds())).Int()
	if err != nil {
		return false, fmt.Errorf("remember for all replicas: %w", err)
	}
	return n == 1, nil
}
