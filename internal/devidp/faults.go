package devidp

import (
	"net/http"
	"strconv"
	"time"
)

// Faults make the provider misbehave. The zero value is a good one.
type Faults struct {
	// RedirectIssuer replaces iss in redirects; OmitRedirectIssuer leaves it
	// out although metadata promises it.
	RedirectIssuer     string
	OmitRedirectIssuer bool
	// NoIssuerParameter leaves iss out of redirects and the promise out of
	// metadata.
	NoIssuerParameter bool
	// NoPKCEMetadata leaves code_challenge_methods_supported out.
	NoPKCEMetadata bool
	// MetadataIssuer replaces issuer in the metadata.
	MetadataIssuer string
	// InsertedMetadata serves metadata at the RFC 8414 address as well.
	InsertedMetadata bool
	// AccessTokenTTL, unless zero, shortens the life of new access tokens.
	AccessTokenTTL time.Duration
	// TokenStatus answers the next TokenStatusTimes token requests with this
	// status, and TokenRetryAfter seconds in Retry-After.
	TokenStatus, TokenStatusTimes, TokenRetryAfter int
	// TokenDelay holds every token request back.
	TokenDelay time.Duration
	// TokenRedirect answers token requests with 307 to this address.
	TokenRedirect string
	// UserinfoStatus and JWKSStatus answer those endpoints with this status.
	UserinfoStatus, JWKSStatus int
	// RefuseRegistration answers dynamic registration with an error.
	RefuseRegistration bool
	// RegisteredAuthMethod gives dynamic clients a secret for this method.
	RegisteredAuthMethod string
	// StrictRotation takes a rotated refresh token at no time again;
	// NoRotation keeps refresh tokens as they are.
	StrictRotation, NoRotation bool
	// DeviceInterval adds interval, in seconds, to device answers, and
	// SlowDown answers the next so many polls with slow_down.
	DeviceInterval, SlowDown int
	// Deny refuses every login without asking anybody.
	Deny bool
}

// SetFaults replaces the faults.
func (p *Provider) SetFaults(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

func (p *Provider) fault() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// accessTokenTTL is how long a new access token lives.
func (p *Provider) accessTokenTTL() time.Duration {
	if short := p.fault().AccessTokenTTL; short != 0 {
		return short
	}
	return p.cfg.AccessTokenTTL
}

// tokenFault acts out the faults of the token endpoint and reports whether it
// has answered.
func (p *Provider) tokenFault(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	f := p.faults
	if f.TokenStatus != 0 && f.TokenStatusTimes > 0 {
		p.faults.TokenStatusTimes--
	}
	p.mu.Unlock()
	if f.TokenDelay > 0 {
		timer := time.NewTimer(f.TokenDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done(): // the client is gone, or the server closes
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	}
	switch {
	case f.TokenStatus != 0 && f.TokenStatusTimes > 0:
		if f.TokenRetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.TokenRetryAfter))
		}
		w.WriteHeader(f.TokenStatus)
	case f.TokenRedirect != "":
		http.Redirect(w, r, f.TokenRedirect, http.StatusTemporaryRedirect)
	default:
		return false
	}
	return true
}
