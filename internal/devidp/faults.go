package devidp

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"time"

	"mcp-login/internal/retry"
)

// Faults make the provider misbehave. The zero value is a good one. Maps and
// slices must not be changed once they were handed over. A map of members
// replaces and adds members of a good answer; the value nil removes one.
type Faults struct {
	// RedirectParameters replaces and adds parameters of redirects to clients,
	// state, code and iss among them; "" removes one.
	RedirectParameters map[string]string
	// MetadataMembers changes the metadata: another issuer, no
	// code_challenge_methods_supported, an endpoint at 169.254.169.254.
	MetadataMembers map[string]any
	// InsertedMetadata serves metadata at the RFC 8414 address as well.
	InsertedMetadata bool
	// Endpoints takes the place of endpoints, named by method and path below the issuer
	// ("POST /token").
	Endpoints map[string]http.HandlerFunc
	// AccessTokenTTL, unless zero, shortens the life of new access tokens.
	AccessTokenTTL time.Duration
	// TokenStatus answers the next TokenStatusTimes token requests with this
	// status, and TokenRetryAfter seconds in Retry-After.
	TokenStatus, TokenStatusTimes, TokenRetryAfter int
	// TokenRetryAfterText is a Retry-After that is not in seconds: a date, or
	// nonsense.
	TokenRetryAfterText string
	// TokenErrors answers the next token requests with these error codes in
	// turn, for example invalid_client from a provider that forgot the client;
	// "" lets one pass. The status is 400, as Logto's.
	TokenErrors []string
	// TokenDelay holds every token request back.
	TokenDelay time.Duration
	// TokenAnswerDelay holds the good answers of the token endpoint back, and
	// TokenAnswersLost cuts the connection instead of sending the next so many:
	// codes and refresh tokens are spent by then.
	TokenAnswerDelay time.Duration
	TokenAnswersLost int
	// TokenMembers changes the good answers of the token endpoint, and
	// RefreshMembers, after that, those to refresh tokens: an access token with
	// a line break, no scope, a token_type that nobody knows.
	TokenMembers, RefreshMembers map[string]any
	// RefreshSubject is who the tokens of a refresh are about, in the place of whoever
	// signed in.
	RefreshSubject string
	// ExchangeMembers changes the good answers to token exchange: another
	// issued_token_type. IDJAGClaims replaces and adds claims of ID-JAGs.
	ExchangeMembers, IDJAGClaims map[string]any
	// IDTokenTTL, unless zero, is the life of new ID tokens; a negative one has ended.
	IDTokenTTL time.Duration
	// RefreshStatus answers refreshes with this status and no error of OAuth, as a
	// firewall does.
	RefreshStatus int
	// RegistrationNames refuses dynamic registration unless client_name is one of these;
	// nil lets all pass. RefuseLoopback refuses it if a redirect URI is not https.
	RegistrationNames []string
	RefuseLoopback    bool
	// RegisteredAuthMethod gives dynamic clients a secret for this method.
	RegisteredAuthMethod string
	// RegistrationMembers changes the answers to registrations, for example
	// client_secret_expires_at.
	RegistrationMembers map[string]any
	// StrictRotation takes a rotated refresh token at no time again.
	StrictRotation bool
	// DeviceInterval adds interval, in seconds, to device answers, and
	// SlowDown answers the next so many polls with slow_down. DeviceTTL, unless
	// zero, is the life of new device codes; a negative one has ended.
	DeviceInterval, SlowDown int
	DeviceTTL                time.Duration
	// DeviceMembers changes the answers with device codes.
	DeviceMembers map[string]any
	// DPoPNonce demands a nonce of this provider in proofs of possession (RFC 9449,
	// section 8), which a good one may do as well. NonceStorm takes none, and always gives
	// another.
	DPoPNonce, NonceStorm bool
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

// ForgetRegistrations forgets all clients that registered over the wire, as a
// provider does that cleans up. Their tokens are worth nothing any more.
func (p *Provider) ForgetRegistrations() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.dynamic {
		delete(p.clients, id)
	}
	p.dynamic = nil
}

// changed puts a fault's members into an answer.
func changed(answer, members map[string]any) {
	maps.Copy(answer, members)
	maps.DeleteFunc(answer, func(name string, value any) bool {
		_, by := members[name]
		return by && value == nil
	})
}

// accessTokenTTL is how long a new access token lives.
func (p *Provider) accessTokenTTL() time.Duration {
	return cmp.Or(p.fault().AccessTokenTTL, p.cfg.AccessTokenTTL)
}

// tokenFault acts out the faults of the token endpoint that come before its
// work and reports whether it has answered.
func (p *Provider) tokenFault(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	f := p.faults
	if f.TokenStatus != 0 && f.TokenStatusTimes > 0 {
		p.faults.TokenStatusTimes--
	}
	code := ""
	if len(f.TokenErrors) > 0 {
		code, p.faults.TokenErrors = f.TokenErrors[0], f.TokenErrors[1:]
	}
	p.mu.Unlock()
	if f.TokenDelay > 0 && retry.Sleep(r.Context(), f.TokenDelay) != nil { // the client has gone, or the server closes
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	switch {
	case f.TokenStatus != 0 && f.TokenStatusTimes > 0:
		f.retryAfter(w)
		w.WriteHeader(f.TokenStatus)
	case code != "":
		f.retryAfter(w)
		badRequest(code, "this is a fault that was asked for").write(w)
	case f.RefreshStatus != 0 && r.PostFormValue("grant_type") == grantRefresh:
		w.WriteHeader(f.RefreshStatus)
	default:
		return false
	}
	return true
}

// retryAfter sets the header (RFC 9110, section 10.2.3).
func (f Faults) retryAfter(w http.ResponseWriter) {
	if f.TokenRetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.TokenRetryAfter))
	}
	if f.TokenRetryAfterText != "" {
		w.Header().Set("Retry-After", f.TokenRetryAfterText)
	}
}

// answerFault acts out the faults that come after the work of the token
// endpoint; false when the client has gone, or the server closes.
func (p *Provider) answerFault(r *http.Request, answer map[string]any) bool {
	p.mu.Lock()
	f := p.faults
	if f.TokenAnswersLost > 0 {
		p.faults.TokenAnswersLost--
	}
	p.mu.Unlock()
	changed(answer, f.TokenMembers)
	switch r.PostForm.Get("grant_type") {
	case grantRefresh:
		changed(answer, f.RefreshMembers)
	case grantExchange:
		changed(answer, f.ExchangeMembers)
	}
	if f.TokenAnswerDelay > 0 && retry.Sleep(r.Context(), f.TokenAnswerDelay) != nil {
		return false
	}
	if f.TokenAnswersLost > 0 {
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	return true
}
