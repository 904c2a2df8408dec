package profile

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"mcp-login/bearer"
)

const (
	// maxWait is how long a request waits for a profile that is not known.
	maxWait = 2 * time.Second
	// knownFor is how long a profile is used, and so how long a name that was changed
	// at Logto is still the old one; unknownFor is it for a user that Logto does not know.
	knownFor, unknownFor = 5 * time.Minute, time.Minute
	// pause is for how long nobody is asked after a failure.
	pause = 30 * time.Second
	// maxProfiles are remembered. Each is a few texts of at most maxText bytes, which
	// fits into a header whatever is in it.
	maxProfiles, maxText = 10_000, 256
	// perSecond users are asked about, after as many as burst at once.
	perSecond, burst = 10, 50
)

// Source knows profiles. Make one with [New]; it may be used concurrently.
type Source struct {
	logto *logto
	log   *slog.Logger

	life  context.Context // ends visits
	end   context.CancelFunc
	visit singleflight.Group
	limit *rate.Limiter

	mu     sync.Mutex
	known  *simplelru.LRU[string, profile]
	paused time.Time // until then nobody is asked
}

// profile is what is known of one user.
type profile struct {
	claims map[string]any // none: Logto does not know the user
	until  time.Time
}

// New returns a source for cfg. It asks nobody before it is asked.
func New(cfg Config) *Source {
	s := &Source{logto: newLogto(cfg), log: cfg.Log, limit: rate.NewLimiter(perSecond, burst)}
	s.life, s.end = context.WithCancel(context.Background())
	s.known, _ = simplelru.NewLRU[string, profile](maxProfiles, nil) // an error only of a size below 1
	return s
}

// Close ends visits to Logto.
func (s *Source) Close() {
	s.end()
	s.logto.client.CloseIdleConnections()
}

// Complete returns id with the claims of the caller's profile that the token does not
// have. Without a profile it is id itself.
func (s *Source) Complete(ctx context.Context, id bearer.Identity) bearer.Identity {
	if s == nil || !s.wants(id) {
		return id
	}
	claims := s.lookUp(ctx, id.Subject)
	if len(claims) == 0 {
		return id
	}
	claims = maps.Clone(claims)
	maps.Copy(claims, id.Claims) // what the token says counts
	id.Claims = claims
	return id
}

// wants reports whether the caller is a user of this Logto of whom the token leaves
// something open. A machine has no profile: its subject is the application.
func (s *Source) wants(id bearer.Identity) bool {
	if id.Issuer != s.logto.issuer || id.Subject == id.ClientID || !isUserID(id.Subject) {
		return false
	}
	for _, name := range []string{"username", "name", "email"} {
		if _, said := id.Claims[name]; !said {
			return true
		}
	}
	return false
}

// isUserID keeps everything out of the path of a request that Logto makes no id of.
func isUserID(s string) bool {
	return s != "" && len(s) <= 128 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// lookUp returns the claims of a user, which must not be written to; nil when they are
// not known in time. One visit serves all who ask about the same user.
func (s *Source) lookUp(ctx context.Context, user string) map[string]any {
	claims, done := s.remembered(user)
	if done {
		return claims
	}
	visit := s.visit.DoChan(user, func() (any, error) {
		if claims, done := s.remembered(user); done { // by the visit before this one
			return claims, nil
		}
		return s.ask(user), nil
	})
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case <-ctx.Done():
	case r := <-visit:
		claims, _ = r.Val.(map[string]any)
	}
	return claims
}

// remembered reports whether there is nothing to ask, and what is known.
func (s *Source) remembered(user string) (claims map[string]any, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if p, ok := s.known.Get(user); ok && now.Before(p.until) {
		return p.claims, true
	}
	return nil, now.Before(s.paused)
}

// errTooMany is a failure of our own.
var errTooMany = errors.New("more users than may be asked about in this time")

// ask visits Logto and remembers the outcome.
func (s *Source) ask(user string) map[string]any {
	var claims map[string]any
	err := errTooMany
	if s.limit.Allow() {
		claims, err = s.logto.user(s.life, user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.life.Err() != nil:
	case err == nil:
		s.known.Add(user, profile{claims, now.Add(knownFor)})
	case errors.Is(err, errUnknownUser):
		s.known.Add(user, profile{nil, now.Add(unknownFor)})
	case now.Before(s.paused): // another visit has failed meanwhile
	case errors.Is(err, errTooMany):
		s.paused = now.Add(time.Second)
		s.log.Warn("a caller's profile was not looked up", slog.Any("error", err))
	default:
		s.paused = now.Add(pause)
		s.log.Warn("a caller's profile could not be looked up", slog.Any("error", err), slog.Int64("pause_ms", pause.Milliseconds()))
	}
	return claims
}
