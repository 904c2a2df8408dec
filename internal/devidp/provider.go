package devidp

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Provider is the OpenID provider as an http.Handler for the root of its host.
type Provider struct {
	issuer string
	base   *url.URL
	cfg    Config

	mu           sync.Mutex
	faults       Faults
	clients      map[string]Client
	resources    map[string]Resource
	interactions map[string]*interaction
	codes        map[string]*code
	access       map[string]*accessToken
	refresh      map[string]*refreshToken
	keys         []*signingKey // the first one signs
	stats        Stats
}

// maxEntries bounds each table; the ones that ended make room.
const maxEntries = 10_000

// Stats counts what a provider was asked.
type Stats struct {
	// Requests is all of them.
	Requests int
	// Logins is how many times the login page was shown.
	Logins          int
	Registrations   int
	CodeExchanges   int // token requests with a code
	Refreshes       int // refresh requests, successful or not
	ReuseDetections int
	Userinfo        int
	JWKS            int
	Revocations     int
}

// New returns a provider for issuer, which must be on loopback.
func New(issuer string, cfg Config) (*Provider, error) {
	base, err := checkIssuer(issuer)
	if err != nil {
		return nil, err
	}
	key, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	p := &Provider{
		issuer: issuer, base: base, cfg: cfg, faults: cfg.Faults,
		clients: map[string]Client{}, resources: map[string]Resource{}, interactions: map[string]*interaction{},
		codes: map[string]*code{}, access: map[string]*accessToken{}, refresh: map[string]*refreshToken{},
		keys: []*signingKey{key},
	}
	for _, c := range cfg.Clients {
		p.AddClient(c)
	}
	for _, r := range cfg.Resources {
		p.AddResource(r)
	}
	return p, nil
}

// Issuer returns the issuer identifier.
func (p *Provider) Issuer() string { return p.issuer }

// AddClient registers a client, replacing one with its ID.
func (p *Provider) AddClient(c Client) {
	if c.ApplicationType == "" {
		c.ApplicationType = "native"
	}
	if c.AuthMethod == "" {
		c.AuthMethod = "none"
		if c.Secret != "" {
			c.AuthMethod = "client_secret_basic"
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
}

// AddResource registers an API resource.
func (p *Provider) AddResource(r Resource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resources[r.Indicator] = r
}

// SetFaults replaces the faults.
func (p *Provider) SetFaults(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Stats returns the counters.
func (p *Provider) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// RevokeAccessTokens ends all opaque access tokens, as an operator could.
func (p *Provider) RevokeAccessTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

// maxBody bounds request bodies.
const maxBody = 64 << 10

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.stats.Requests++
	p.mu.Unlock()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h := w.Header()
	h.Set("Logto-Core-Request-Id", randomText(12))
	h.Set("Vary", "Accept-Encoding, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	route, ok := strings.CutPrefix(r.URL.Path, p.base.Path)
	switch {
	case ok && route != "":
		p.serveOIDC(w, r, route)
	case r.URL.Path == pathSignIn:
		p.signIn(w, r)
	case r.URL.Path == "/.well-known/oauth-authorization-server"+p.base.Path && p.fault().InsertedMetadata:
		p.metadata(w, r)
	default:
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

func (p *Provider) serveOIDC(w http.ResponseWriter, r *http.Request, route string) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET,POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version")
		w.Header().Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	routes := map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration":       p.metadata,
		"GET /.well-known/oauth-authorization-server": p.metadata,
		"GET /jwks":                 p.jwks,
		"GET /auth":                 p.authorize,
		"POST /auth":                p.authorize,
		"POST /token":               p.token,
		"GET /me":                   p.userinfo,
		"POST /me":                  p.userinfo,
		"POST /token/revocation":    p.revocation,
		"POST /token/introspection": p.introspection,
		"GET /session/end":          p.endSession,
	}
	if p.cfg.Registration {
		routes["POST /reg"] = p.register
	}
	if handle := routes[r.Method+" "+route]; handle != nil {
		handle(w, r)
		return
	}
	writeError(w, http.StatusNotFound, "invalid_request", "unrecognized route or not allowed method ("+r.Method+" on "+route+")")
}

func (p *Provider) fault() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	f := p.fault()
	issuer := p.issuer
	if f.MetadataIssuer != "" {
		issuer = f.MetadataIssuer
	}
	m := map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         p.issuer + "/auth",
		"token_endpoint":                                 p.issuer + "/token",
		"userinfo_endpoint":                              p.issuer + "/me",
		"jwks_uri":                                       p.issuer + "/jwks",
		"introspection_endpoint":                         p.issuer + "/token/introspection",
		"revocation_endpoint":                            p.issuer + "/token/revocation",
		"end_session_endpoint":                           p.issuer + "/session/end",
		"code_challenge_methods_supported":               []string{"S256"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"response_modes_supported":                       []string{"query"},
		"response_types_supported":                       []string{"code"},
		"scopes_supported":                               oidcScopes,
		"subject_types_supported":                        []string{"public"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"id_token_signing_alg_values_supported":          []string{"ES384"},
		"claims_supported":                               []string{"sub", "name", "preferred_username", "picture", "updated_at", "username", "created_at", "email", "email_verified", "iss"},
		"claim_types_supported":                          []string{"normal"},
		"authorization_response_iss_parameter_supported": true,
	}
	if f.NoPKCEMetadata {
		delete(m, "code_challenge_methods_supported")
	}
	if f.NoIssuerParameter {
		delete(m, "authorization_response_iss_parameter_supported")
	}
	if p.cfg.Registration {
		m["registration_endpoint"] = p.issuer + "/reg"
	}
	writeJSON(w, http.StatusOK, m)
}

// oidcScopes are the scopes known without a resource.
var oidcScopes = []string{"openid", "offline_access", "profile", "email"}

// room makes place in a table that is full: what has ended goes, then anything.
func room[V interface{ ended(time.Time) bool }](table map[string]V) {
	if len(table) < maxEntries {
		return
	}
	now := time.Now()
	for key, v := range table {
		if v.ended(now) {
			delete(table, key)
		}
	}
	for key := range table {
		if len(table) < maxEntries {
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
