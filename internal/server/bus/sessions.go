package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// The sorted set of an owner's sessions; the scores are when they end, in
// milliseconds of Redis' own clock, so that the replicas' clocks do not matter.
func (r *Redis) sessionsKey(owner string) string { return r.space + "sessions:" + owner }

// expire lets the set go with its last session, whatever times the replicas give theirs.
const expire = `redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])`

// Each script is one step for Redis, so replicas cannot come between.
var (
	beginScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
` + expire + `
return 1`)
	touchScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
` + expire + `
return 1`)
	endScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
return 1`)
)

// Begin adds a session of owner unless it has limit of them.
func (r *Redis) Begin(ctx context.Context, owner, id string, limit int, idle time.Duration) (bool, error) {
	return r.script(ctx, "begin session", beginScript, owner, id, limit, idle.Milliseconds())
}

// Touch reports whether owner has such a session, and keeps it for idle.
func (r *Redis) Touch(ctx context.Context, owner, id string, idle time.Duration) (bool, error) {
	return r.script(ctx, "look up session", touchScript, owner, id, idle.Milliseconds())
}

// End removes a session and reports whether owner had it.
func (r *Redis) End(ctx context.Context, owner, id string) (bool, error) {
	return r.script(ctx, "end session", endScript, owner, id)
}

func (r *Redis) script(ctx context.Context, what string, s *redis.Script, owner string, args ...any) (bool, error) {
	n, err := s.Run(ctx, r.client, []string{r.sessionsKey(owner)}, args...).Int()
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	return n == 1, nil
}
