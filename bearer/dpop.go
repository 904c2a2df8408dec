package bearer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/dpop"
)

const (
	// proofWindow is how far the iat of a proof without a nonce may be from our clock, either
	// way. A client that keeps time by the network is within a second of it.
	proofWindow = time.Minute
	// leastNonceSecret is how many bytes the secret of nonces has at least.
	leastNonceSecret = 32
)

// DPoP makes a resource take tokens that are bound to a key (RFC 9449): with a proof, made
// for the one request, that whoever sends it has the key. Who steals such a token without the
// key has nothing. The zero value takes them beside bearer tokens.
type DPoP struct {
	// Required refuses tokens that are not bound. Opaque tokens need Introspection then.
	Required bool
	// NonceRequired refuses proofs without a nonce of this server, which are taken for four
	// minutes: so none can have been made long before, by somebody who had the key for a moment.
	// Without, a proof needs one only if its time is more than a minute from this server's, and
	// clients with a wrong clock are told so.
	NonceRequired bool
	// NonceSecret is what nonces follow from, of 32 bytes or more: servers with the same one
	// take each other's. Nil means a random one, and so does a Remember that is nil: after a restart
	// nobody would know what was taken with them.
	NonceSecret []byte
	// Target tells what a proof must be for: method and address of a request as its client has
	// sent it, where a proxy makes another one of it. Nil means the request's own method and path,
	// at the scheme and host of Resource, and never those of the Host header.
	Target func(*http.Request) (method string, address *url.URL, err error)
	// Remember keeps a proof, by a hash, until then, where several servers answer for the
	// resource, and reports whether none of them had it before. Its error is answered with 503. Nil
	// means that this one is alone; then proofs need a nonce for a minute after [New], because those that
	// were taken before are not known.
	Remember func(ctx context.Context, proof [sha256.Size]byte, until time.Time) (first bool, err error)
	// Refused is told why a request with a bound token was refused for its proof: "nonce", where one is needed,
	// "replay", "proof" for all else that is wrong with it; "full", where too many are remembered, and
	// "unavailable", where Remember cannot tell. It is called concurrently, and requests wait for it.
	Refused func(reason string)
}

func (d *DPoP) check() error {
	if d != nil && d.NonceSecret != nil && len(d.NonceSecret) < leastNonceSecret {
		return fmt.Errorf("DPoP nonce secret: must have at least %d bytes", leastNonceSecret)
	}
	return nil
}

// proofError is a proof that is missing or not good (RFC 9449 section 7.1). The reason, for the
// log, quotes nothing of it. The code is [dpop.ErrorCode] or [dpop.ErrUseNonce].
type proofError struct{ code, reason string }

func (e *proofError) Error() string { return e.code + ": " + e.reason }

func badProof(reason string) error { return &proofError{dpop.ErrorCode, reason} }

// proofs judges those of one resource.
type proofs struct {
	DPoP
	resource *url.URL
	nonces   *dpop.Nonces
	taken    *takenProofs
	started  time.Time
	leeway   time.Duration
}

// newProofs returns nil where there is no DPoP.
func newProofs(cfg *Config) *proofs {
	if cfg.DPoP == nil {
		return nil
	}
	p := &proofs{DPoP: *cfg.DPoP, resource: cfg.Resource, started: time.Now(), leeway: cfg.leeway()}
	if shared := cfg.Share; shared != nil && shared.proofs != nil {
		p.taken = shared.proofs.taken
	} else {
		p.taken = newTakenProofs()
	}
	secret := p.NonceSecret
	if secret == nil || p.Remember == nil {
		secret = make([]byte, leastNonceSecret)
		_, _ = rand.Read(secret) // never fails (package crypto/rand)
	}
	p.nonces = dpop.NewNonces(secret, cfg.Resource.String())
	return p
}

// required reports whether tokens that are not bound are refused.
func (p *proofs) required() bool { return p != nil && p.Required }

// shownProof is a good one that is not taken yet; the zero value, where there is none, needs not be.
type shownProof struct {
	key   [sha256.Size]byte
	user  sum
	until time.Time
}

// judge returns the proof of r for its token, by the key with this thumbprint, or an error unless
// it is good and was not taken. It is remembered when all else is right, see [proofs.remember].
func (p *proofs) judge(r *http.Request, token, thumbprint string, id Identity) (shown shownProof, err error) {
	values := r.Header.Values(dpop.ProofHeader)
	if len(values) != 1 {
		return shown, badProof(fmt.Sprintf("%d DPoP headers, and there must be one", len(values)))
	}
	method, address, err := p.target(r)
	if err != nil {
		return shown, badProof(err.Error())
	}
	proof, err := dpop.Verify(values[0], dpop.Request{Method: method, URL: address, Token: token})
	if err != nil {
		return shown, badProof(err.Error())
	}
	if proof.Thumbprint != thumbprint {
		return shown, badProof("the DPoP proof is by another key than the token's")
	}
	if shown.until, err = p.inTime(proof, time.Now()); err != nil {
		return shown, err
	}
	// A jti is unique for its key and resource only. Users may have long names.
	shown.key = sha256.Sum256([]byte(p.resource.String() + " " + proof.Thumbprint + " " + proof.ID))
	user := sha256.Sum256([]byte(id.Issuer + " " + id.Subject))
	shown.user = sum(user[:])
	if p.taken.has(sum(shown.key[:])) {
		return shown, errUsedProof
	}
	return shown, nil
}

func (p *proofs) target(r *http.Request) (method string, address *url.URL, err error) {
	if p.Target != nil {
		return p.Target(r)
	}
	sent := *p.resource
	sent.Path, sent.RawPath = r.URL.Path, r.URL.RawPath
	return r.Method, &sent, nil
}

// inTime returns until when a proof can be taken, or an error if that is over (RFC 9449
// section 11.1). One with a nonce was made after that was issued, whatever the client's clock
// says; so whoever has a wrong clock gets one.
func (p *proofs) inTime(proof dpop.Proof, now time.Time) (until time.Time, err error) {
	if proof.Nonce != "" {
		if until = p.nonces.Until(proof.Nonce, now); until.IsZero() {
			err = &proofError{dpop.ErrUseNonce, "the nonce is over, or not ours"}
		}
		return until, err
	}
	switch age := now.Sub(proof.Issued); {
	case p.NonceRequired:
		return until, &proofError{dpop.ErrUseNonce, "the DPoP proof has no nonce"}
	case p.Remember == nil && !proof.Issued.After(p.started.Add(proofWindow)):
		return until, &proofError{dpop.ErrUseNonce, "the DPoP proof may have been used before this server started"}
	case age > proofWindow || age < -proofWindow:
		return until, &proofError{dpop.ErrUseNonce, fmt.Sprintf("the DPoP proof was made %s ago by the client's clock, which may be wrong", age.Round(time.Second))}
	}
	return proof.Issued.Add(proofWindow), nil
}

var errUsedProof = badProof("the DPoP proof was used before")

// remember returns an error if a proof was taken before, or if that cannot be told. It comes
// last: who may not call fills nothing.
func (p *proofs) remember(ctx context.Context, shown shownProof) error {
	if shown.until.IsZero() {
		return nil
	}
	first, err := p.taken.take(sum(shown.key[:]), shown.user, time.Now(), shown.until)
	if err == nil && first && p.Remember != nil {
		if first, err = p.Remember(ctx, shown.key, shown.until.Add(p.leeway)); err != nil { // clocks of others may be behind
			err = &problem{
				status: http.StatusServiceUnavailable, code: "temporarily_unavailable", cause: fmt.Errorf("remember a DPoP proof: %w", err),
				text: "It cannot be told whether the DPoP proof was used before. Try again.",
			}
			if ctx.Err() != nil { // the client has left, which is nothing to tell of
				return err
			}
		}
	}
	if err == nil && !first {
		err = errUsedProof
	}
	return p.refused(err)
}

// refused tells of err, unless that is nil, and returns it.
func (p *proofs) refused(err error) error {
	if err == nil || p.Refused == nil {
		return err
	}
	var proof *proofError
	switch {
	case errors.Is(err, errTooManyProofs):
		p.Refused("full")
	case errors.Is(err, errUsedProof):
		p.Refused("replay")
	case !errors.As(err, &proof):
		p.Refused("unavailable")
	case proof.code == dpop.ErrUseNonce:
		p.Refused("nonce")
	default:
		p.Refused("proof")
	}
	return err
}

// RenewNonce gives the sender of r, whom [Resource.Authenticate] has let in, a new nonce in the header of
// the answer, if the one in its proof is not the newest (RFC 9449 section 8.2): so it need not repeat a
// request when that is over. [Resource.Middleware] does it.
func (p *Resource) RenewNonce(h http.Header, r *http.Request) {
	if p.proofs == nil {
		return
	}
	nonce := dpop.NonceOf(r.Header.Get(dpop.ProofHeader))
	if nonce == "" {
		return
	}
	if newest := p.proofs.nonces.Issue(time.Now()); nonce != newest {
		h.Set(dpop.NonceHeader, newest)
	}
}

// Errors about tokens that are good, and not for whoever shows them in this way. They are no
// verdicts about the token to be kept.
const (
	// errBound is a token that only who holds a key may use (RFC 7800, RFC 8705, RFC 9449),
	// and nothing shows here that its sender does. To take it would make it worth stealing.
	errBound = invalidTokenError("bound to a key")
	// errUnbound is one that proofs could not protect (RFC 9449 section 7.2).
	errUnbound = invalidTokenError("not bound to a key")
)

// held returns an error unless the sender of a token may use it: of one that is bound to a key, as
// cnf says, who proves to have it. r is nil where the token came by another way.
func (p *Resource) held(r *http.Request, c credential, id Identity) (shown shownProof, err error) {
	cnf := id.Claims["cnf"]
	if cnf == nil {
		if c.proven || p.proofs.required() {
			return shown, errUnbound
		}
		return shown, nil
	}
	members, _ := cnf.(map[string]any)
	thumbprint, _ := members["jkt"].(string)
	if thumbprint == "" || len(members) != 1 || !c.proven {
		return shown, errBound
	}
	shown, err = p.proofs.judge(r, c.token, thumbprint, id)
	return shown, p.proofs.refused(err)
}
