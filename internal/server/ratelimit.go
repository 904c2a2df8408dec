package server

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"mcp-login/internal/origin"
)

const (
	// maxRate is more than one process serves anyway.
	maxRate = 1e6
	// burstFactor is how many seconds' worth of requests may come at once. A
	// client that starts sends a handful.
	burstFactor = 10
	// maxBuckets bounds the callers that are remembered in one generation.
	maxBuckets = 1 << 16
	// bucketAge is how long a generation lasts: a bucket is full again by then.
	bucketAge = time.Duration(burstFactor) * time.Second
)

// rateLimiter holds one token bucket for each caller. Those of two generations
// are kept and the older one dropped whole, so memory is bounded without
// looking for the oldest bucket.
type rateLimiter struct {
	limit rate.Limit
	burst int

	mu       sync.Mutex
	born     time.Time
	now, old map[string]*rate.Limiter
}

// newRateLimiter returns nil, which lets everything pass, for a rate of zero.
func newRateLimiter(perSecond float64) *rateLimiter {
	if perSecond <= 0 {
		return nil
	}
	return &rateLimiter{
		limit: rate.Limit(perSecond), burst: max(1, int(perSecond*burstFactor)),
		now: make(map[string]*rate.Limiter), born: time.Now(),
	}
}

// allow takes one request of key, or says after how many seconds to come back.
func (l *rateLimiter) allow(key string) (retryAfter int, ok bool) {
	if l == nil {
		return 0, true
	}
	now := time.Now()
	r := l.bucket(key, now).ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay == 0 {
		return 0, true
	}
	r.CancelAt(now)
	return max(1, int(math.Ceil(delay.Seconds()))), false
}

func (l *rateLimiter) bucket(key string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.now[key]; ok {
		return b
	}
	if len(l.now) >= maxBuckets || now.Sub(l.born) > bucketAge {
		l.now, l.old, l.born = make(map[string]*rate.Limiter), l.now, now
	}
	b, ok := l.old[key]
	if !ok {
		b = rate.NewLimiter(l.limit, l.burst)
	}
	l.now[key] = b
	return b
}

// clientAddress is the address a request came from, as the last proxy that is
// not trusted saw it: whatever stands left of it in X-Forwarded-For was written
// by the client itself. What it may have is bounded for its host.
func clientAddress(r *http.Request, trusted []netip.Prefix) (address, host string) {
	addr, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr, r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) }); i-- {
		hop, ok := parseAddress(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		addr = hop
	}
	return addr.String(), origin.Host(addr)
}

func parseAddress(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}

// tooMany answers 429 (RFC 6585 section 4).
func tooMany(w http.ResponseWriter, retryAfter int, code, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	problem{http.StatusTooManyRequests, code, text}.write(w)
}

// refuseMore counts what one caller has too much of, and answers 429.
func (s *front) refuseMore(w http.ResponseWriter, limit string, retryAfter int, code, text string) {
	s.metrics.limited.WithLabelValues(limit).Inc()
	tooMany(w, retryAfter, code, text)
}

// withinRate counts a request of its address, and answers it itself and returns false if
// there are too many. Any page may read that answer, as it may the public documents.
func (s *front) withinRate(w http.ResponseWriter, r *http.Request) bool {
	after, ok := s.addressLimit.allow(clientOf(r.Context()))
	if !ok {
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") == "" {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		s.refuseMore(w, limitAddress, after, "too_many_requests", "Too many requests from this address.")
	}
	return ok
}

// retryLater answers 503 with a time to come back.
func retryLater(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	problem{http.StatusServiceUnavailable, "temporarily_unavailable", text}.write(w)
}
