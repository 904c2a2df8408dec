package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"mcp-login/internal/retry"
)

const (
	// defaultCacheTTL is how long a verdict is reused.
	defaultCacheTTL = 30 * time.Second
	maxCacheTTL     = time.Hour
	// defaultOutageGrace is how long a token that was good when it was last
	// checked stays good while nobody can be asked about it.
	defaultOutageGrace = 5 * time.Minute
	maxOutageGrace     = 24 * time.Hour
	// refusedTTL is how long a refusal is reused, at most. It is short, since
	// a client is told nothing new in that time.
	refusedTTL = 10 * time.Second

	// The cache's bounds: tokens that were good, what their claims may take
	// together, and tokens that were not. The last have a place of their own,
	// so that a flood of them drives no good one out.
	maxGood      = 10_000
	maxGoodBytes = 32 << 20
	maxRefused   = 4_096
	// maxChecks bounds the checks of unknown tokens under way. A check outlives
	// the request that caused it, so nothing else does. One address may have
	// half of them.
	maxChecks = 1_024
	// staleWait is how long a request with a token that was good waits for a
	// provider that may be down before it goes on without.
	staleWait = time.Second
)

// tokenKey stands for a token where it is remembered, so that no token is kept.
type tokenKey [sha256.Size]byte

// cache reuses the verdicts of a verifier, see the package comment for its
// rules. One check answers all who ask about the same token at the same time,
// and does not end with the request that caused it.
type cache struct {
	check Verifier
	life  context.Context // ends all checks
	ttl   time.Duration   // 0: verdicts are shared but not kept
	grace time.Duration
	// observe is told of each verdict; of a check before those who asked are answered.
	observe func(Event)

	// unknown bounds the checks under way of tokens of which nothing is known,
	// by the address that sent them.
	unknown *quota

	mu      sync.Mutex
	good    *lru
	refused *lru
	// checks are those under way whose verdict will count. One that began before its token was
	// forgotten is not here any more: it may have asked before the token was revoked.
	checks map[tokenKey]*retry.Call[Identity]
}

func newCache(life context.Context, check Verifier, ttl, grace time.Duration) *cache {
	return &cache{
		check: check, life: life, ttl: ttl, grace: grace, observe: func(Event) {},
		good: newLRU(maxGood, maxGoodBytes), refused: newLRU(maxRefused, 0),
		checks: make(map[tokenKey]*retry.Call[Identity]), unknown: newChecksQuota(),
	}
}

// keyOf returns the key of a token, for one of usual size without the garbage
// that a conversion to bytes would leave.
func keyOf(token string) tokenKey {
	var usual [2048]byte
	if len(token) > len(usual) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(usual[:copy(usual[:], token)])
}

// verify is the cache as a [Verifier] for a token that came from an address.
func (c *cache) verify(ctx context.Context, client, token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, invalidTokenError("too long") // and not worth a hash
	}
	key, now := keyOf(token), time.Now()
	c.mu.Lock()
	known := c.good.get(key, now)
	if known != nil && now.Before(known.fresh) {
		identity := known.identity
		c.mu.Unlock()
		c.observe(Event{Token: key})
		return identity, nil
	}
	if no := c.refused.get(key, now); no != nil {
		c.mu.Unlock()
		c.observe(Event{Token: key, Err: no.err})
		return Identity{}, no.err
	}
	check := c.checks[key]
	if check == nil {
		// Of tokens that were good there are no more than maxGood.
		if known == nil && !c.unknown.acquire(client) {
			c.mu.Unlock()
			return Identity{}, errTooManyChecks
		}
		check = retry.NewCall[Identity]()
		c.checks[key] = check
		go c.run(key, token, check, known != nil, client)
	}
	c.mu.Unlock()
	return c.await(ctx, check, known)
}

// newChecksQuota bounds the checks of unknown tokens under way, in all and of
// one address.
func newChecksQuota() *quota { return newQuota(maxChecks, maxChecks/2) }

var errTooManyChecks = busy("too many checks under way")

// boundedChecks limits how many checks of verify run at a time, in all and for one
// address.
func boundedChecks(verify Verifier) func(ctx context.Context, client, token string) (Identity, error) {
	checks := newChecksQuota()
	return func(ctx context.Context, client, token string) (Identity, error) {
		if !checks.acquire(client) {
			return Identity{}, errTooManyChecks
		}
		defer checks.release(client)
		return verify(ctx, token)
	}
}

// await waits for a check. A token that was good does not wait long.
func (c *cache) await(ctx context.Context, check *retry.Call[Identity], known *entry) (Identity, error) {
	patience := ctx
	if known != nil {
		var cancel context.CancelFunc
		patience, cancel = context.WithTimeout(ctx, staleWait)
		defer cancel()
	}
	switch err := check.Wait(patience); {
	case err == nil:
		identity, err := check.Result()
		if err != nil {
			return c.lastVerdict(known, err)
		}
		return identity, nil
	case ctx.Err() == nil:
		return c.lastVerdict(known, busy("the provider takes long"))
	}
	return Identity{}, fmt.Errorf("wait for the check of a token: %w: %w", ErrUnavailable, ctx.Err())
}

// lastVerdict is the answer where there is no new verdict: the last one, if it may
// still be used, and only where nobody said anything else.
func (c *cache) lastVerdict(known *entry, err error) (Identity, error) {
	if known != nil && errors.Is(err, ErrUnavailable) && time.Now().Before(known.usable) {
		c.observe(Event{Token: known.key, Kept: true})
		return known.identity, nil
	}
	return Identity{}, err
}

// clientKey finds the address that a token came from in the context of its check.
type clientKey struct{}

func clientOf(ctx context.Context) string {
	client, _ := ctx.Value(clientKey{}).(string)
	return client
}

// knownKey marks the context of a check of a token that was good.
type knownKey struct{}

// wasGood reports whether the check that ctx is for is of a token that was good
// when it was last checked, and so is no part of a flood.
func wasGood(ctx context.Context) bool { return ctx.Value(knownKey{}) != nil }

// run performs one check and keeps what may be kept.
func (c *cache) run(key tokenKey, token string, check *retry.Call[Identity], known bool, client string) {
	ctx, cancel := context.WithTimeout(c.life, fetchTimeout)
	defer cancel()
	ctx = context.WithValue(ctx, clientKey{}, client)
	if known {
		ctx = context.WithValue(ctx, knownKey{}, true)
	}
	identity, err := c.checkSafely(ctx, token)
	now := time.Now()

	c.mu.Lock()
	var revoked bool
	counts := c.checks[key] == check
	switch {
	case !counts:
	case err == nil:
		c.good.put(c.entryOf(key, identity, now))
	case lasting(err):
		revoked = c.good.Remove(key)
		if c.ttl > 0 {
			c.refused.put(&entry{key: key, err: err, usable: now.Add(min(c.ttl, refusedTTL))})
		}
	case errors.Is(err, ErrInvalidToken):
		revoked = c.good.Remove(key)
	}
	if counts {
		delete(c.checks, key)
	}
	c.mu.Unlock()
	if !known {
		c.unknown.release(client)
	}
	c.observe(Event{Token: key, Err: err, Checked: true, Revoked: revoked})
	check.End(identity, err)
}

// checkSafely keeps a panic of the check, which runs outside of net/http's own
// protection, from ending the process.
func (c *cache) checkSafely(ctx context.Context, token string) (id Identity, err error) {
	defer func() {
		if what := recover(); what != nil {
			// What was thrown may quote the token, so only its kind is kept.
			id, err = Identity{}, fmt.Errorf("the check of a token panicked with a %T", what)
		}
	}()
	return c.check(ctx, token)
}

// entryOf is the entry for a good token: never past its expiry, however long the
// outage.
func (c *cache) entryOf(key tokenKey, id Identity, now time.Time) *entry {
	e := &entry{key: key, identity: id, weight: weigh(id), fresh: now.Add(c.ttl), usable: now}
	if c.ttl > 0 {
		e.usable = now.Add(max(c.ttl, c.grace))
	}
	if !id.Expiry.IsZero() && id.Expiry.Before(e.usable) {
		e.usable = id.Expiry
	}
	if e.usable.Before(e.fresh) {
		e.fresh = e.usable
	}
	return e
}

// lasting reports a refusal that will be the same in refusedTTL: not one that
// time or a new key of the provider may change.
func lasting(err error) bool {
	switch {
	case errors.Is(err, errNotYet), errors.Is(err, errFuture), errors.Is(err, errUnknownKey):
		return false
	}
	var scope *InsufficientScopeError
	return errors.Is(err, ErrInvalidToken) || errors.As(err, &scope)
}

// forget drops what is known about one token, for a revocation that another
// replica has heard of.
func (c *cache) forget(key tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good.Remove(key)
	c.refused.Remove(key)
	delete(c.checks, key)
}

// clear drops all verdicts, and those of the checks under way.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good.Purge()
	c.refused.Purge()
	clear(c.checks)
}

// size is the number of tokens remembered, for the bounds' tests and metrics.
func (c *cache) size() (good, refused, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.good.Len(), c.refused.Len(), c.good.bytes
}
