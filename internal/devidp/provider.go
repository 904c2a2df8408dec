package devidp

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"mcp-login/internal/dpop"
)

// Provider is the OpenID provider as an http.Handler for the root of its host.
// Its methods may be called at any time from any goroutine.
type Provider struct {
	issuer string
	base   *url.URL
	cfg    Config
	key    signingKey
	nonces *dpop.Nonces

	mu           sync.Mutex
	faults       Faults
	clients      map[string]Client
	dynamic      []string // the registered ones of clients, the oldest first
	documents    map[string]Client
	resources    map[string]Resource
	applications map[string]Application
	pushed       map[string]pushedRequest
	interactions map[string]*interaction
	codes        map[string]*code
	access       map[string]*issuedToken // the opaque ones; a JWT needs no table
	refresh      map[string]*issuedToken
	devices      map[string]*device
	assertions   map[string]expiry // those that must not come again
	proofs       map[string]expiry // and the proofs of possession, which strangers can make
	stats        Stats
}

// The tables are bounded, so that nobody can make the process grow: what has
// ended makes room, then anything but what must not come again. Pushed requests, interactions and devices hold what a
// stranger sent, so there are fewer of them.
const (
	maxEntries  = 10_000
	maxPending  = 1_000
	maxDynamic  = 1_000
	maxBody     = 64 << 10 // bytes of a request body
	maxRequest  = 16 << 10 // bytes of all parameters of an authorization request
	maxRegister = 16 << 10 // bytes of client metadata
)

// New returns a provider for issuer, which must be http on loopback with a path
// and without a slash at the end. It fails on another issuer, on users without
// or with doubled names, and on clients without an ID.
func New(issuer string, cfg Config) (*Provider, error) {
	base, err := checkIssuer(issuer)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := checkUsers(cfg.Users); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(cfg.Clients, func(c Client) bool { return c.ID == "" }) {
		return nil, errors.New("a client needs an ID")
	}
	key, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		issuer: issuer, base: base, cfg: cfg, key: key, faults: cfg.Faults,
		nonces:  dpop.NewNonces([]byte(randomText(32)), issuer),
		clients: map[string]Client{}, documents: map[string]Client{}, resources: map[string]Resource{}, applications: map[string]Application{},
		pushed: map[string]pushedRequest{}, interactions: map[string]*interaction{},
		codes: map[string]*code{}, access: map[string]*issuedToken{}, refresh: map[string]*issuedToken{},
		devices: map[string]*device{}, assertions: map[string]expiry{}, proofs: map[string]expiry{},
		stats: Stats{TokenRequests: map[string]int{}, Paths: map[string]int{}},
	}
	for _, c := range cfg.Clients {
		p.clients[c.ID] = c.withDefaults()
	}
	for _, r := range append([]Resource{{Indicator: p.managementAPI(), Scopes: []string{managementScope}}}, cfg.Resources...) {
		p.AddResource(r)
	}
	for _, a := range cfg.Applications {
		p.AddApplication(a)
	}
	return p, nil
}

// Issuer returns the issuer identifier.
func (p *Provider) Issuer() string { return p.issuer }

// AddResource registers an API resource, replacing one with its indicator.
func (p *Provider) AddResource(r Resource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resources[r.Indicator] = r
}

// RevokeAccessTokens ends all opaque access tokens, as an operator could. JWTs
// stay valid to their end.
func (p *Provider) RevokeAccessTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

// expiry is when something in a table ends.
type expiry struct{ expires time.Time }

func in(d time.Duration) expiry { return expiry{time.Now().Add(d)} }

func (e expiry) ended(now time.Time) bool { return now.After(e.expires) }

// makeRoom makes place for one more in a table of at most limit: what has ended
// goes, then anything.
func makeRoom[V interface{ ended(time.Time) bool }](table map[string]V, limit int) {
	if len(table) < limit {
		return
	}
	now := time.Now()
	for key, v := range table {
		if v.ended(now) {
			delete(table, key)
		}
	}
	for key := range table {
		if len(table) < limit {
			return
		}
		delete(table, key)
	}
}

// randomText returns n random bytes as text; 32 give Logto's 43 characters.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// only returns the members of list that are in allowed, in order, once.
func only(list, allowed []string) []string {
	var kept []string
	for _, s := range list {
		if slices.Contains(allowed, s) && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}
