package devidp

import (
	"maps"
	"net/http"
)

// Stats counts what a provider was asked.
type Stats struct {
	// Requests is all of them.
	Requests int
	// Authorizations is the requests to the authorization endpoint, Logins
	// those of them whose login page was opened: a client may ask whether it is
	// known, and look at no page.
	Authorizations, Logins int
	// Registrations is the clients registered over the wire, Documents how
	// often a client ID metadata document was asked for.
	Registrations, Documents int
	// TokenRequests counts by grant type the token requests whose client was
	// accepted; the next three are members of it, successful or not.
	TokenRequests map[string]int
	CodeExchanges int
	Refreshes     int
	DevicePolls   int
	// ReuseDetections is how often a rotated refresh token, or a spent code,
	// came back and ended its grant.
	ReuseDetections int
	// DeviceAuthorizations is the device and user codes given out.
	DeviceAuthorizations        int
	Userinfo, JWKS, Metadata    int
	Revocations, Introspections int
	// Paths counts all requests by method and path ("GET /oidc/jwks"). Paths
	// beyond a bounded number are counted as "other".
	Paths map[string]int
}

// Bounds of Stats.Paths.
const (
	maxPaths      = 256
	maxPathLength = 256
)

// Stats returns a copy of the counters.
func (p *Provider) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.TokenRequests, s.Paths = maps.Clone(s.TokenRequests), maps.Clone(s.Paths)
	return s
}

// count changes the counters.
func (p *Provider) count(change func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

func (s *Stats) request(r *http.Request) {
	s.Requests++
	name := r.Method + " " + r.URL.Path
	if s.Paths[name] == 0 && (len(s.Paths) >= maxPaths || len(name) > maxPathLength) {
		name = "other"
	}
	s.Paths[name]++
}

func (s *Stats) tokenRequest(grantType string) {
	switch grantType {
	case grantCode:
		s.CodeExchanges++
	case grantRefresh:
		s.Refreshes++
	case grantDevice:
		s.DevicePolls++
	case grantClient, grantExchange, grantAssertion: // counted in the map only
	default:
		grantType = "other"
	}
	s.TokenRequests[grantType]++
}
