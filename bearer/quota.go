package bearer

import (
	"net/http"
	"net/netip"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"mcp-login/internal/origin"
)

// quota bounds what is under way, in all and for each client address. An address
// that has nothing under way is not remembered.
type quota struct {
	total, each int

	mu   sync.Mutex
	used int
	of   map[string]int
}

func newQuota(total, each int) *quota {
	return &quota{total: total, each: each, of: make(map[string]int)}
}

// acquire begins something for an address if there is room.
func (q *quota) acquire(client string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used >= q.total || q.of[client] >= q.each {
		return false
	}
	q.used++
	q.of[client]++
	return true
}

// release ends what acquire began.
func (q *quota) release(client string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used--
	if q.of[client]--; q.of[client] <= 0 {
		delete(q.of, client)
	}
}

const (
	// badBurst calls may be spent on bad tokens, then badRate a second; one address
	// gets half. Good tokens cost nothing. Only a token not seen before waits, while
	// its own address or several others flood the server.
	badBurst = 200
	badRate  = 10
	// maxAddresses bounds those of which it is known what they have spent. To spend
	// anew by being forgotten takes as many addresses, and what all may spend is
	// bounded by itself.
	maxAddresses = 1 << 16
)

// budget bounds what bad tokens may cost the provider.
type budget struct {
	all *rate.Limiter

	mu   sync.Mutex
	each *simplelru.LRU[string, *rate.Limiter] // by address
}

func newBudget() *budget {
	each, _ := simplelru.NewLRU[string, *rate.Limiter](maxAddresses, nil) // an error only of a size below 1
	return &budget{all: rate.NewLimiter(badRate, badBurst), each: each}
}

// allow reports whether a call may be made for a token nothing is known of, which
// came from that address.
func (b *budget) allow(client string) error {
	b.mu.Lock()
	own, known := b.each.Get(client)
	b.mu.Unlock()
	switch {
	case known && own.Tokens() < 1:
		return busy("too many bad tokens of this address")
	case b.all.Tokens() < 1:
		return busy("too many bad tokens")
	}
	return nil
}

// spend takes what a bad token from that address cost.
func (b *budget) spend(client string) {
	b.mu.Lock()
	own, known := b.each.Get(client)
	if !known {
		own = rate.NewLimiter(badRate/2.0, badBurst/2)
		b.each.Add(client, own)
	}
	b.mu.Unlock()
	own.Allow()
	b.all.Reserve() // calls under way may have spent more than there is
}

// addressOf is the host that a request came from.
func addressOf(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return origin.Host(from.Addr())
}
