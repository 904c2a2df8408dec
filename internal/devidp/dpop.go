package devidp

import (
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/dpop"
)

// proofAge is how old a proof without a nonce may be, and how far ahead of this clock.
const proofAge = 5 * time.Minute

// possession returns the thumbprint of the key whose possession a request proves, "" without
// a proof (RFC 9449, section 4.3). token is the access token that goes with it, "" at an
// endpoint of clients. Whoever sent a proof is told the nonce for the next one.
func (p *Provider) possession(w http.ResponseWriter, r *http.Request, token string) (string, *oauthError) {
	proofs := r.Header.Values(dpop.ProofHeader)
	switch {
	case p.cfg.NoDPoP || len(proofs) == 0:
		return "", nil
	case len(proofs) > 1:
		return "", badRequest(dpop.ErrorCode, "there is more than one DPoP proof")
	}
	target := &url.URL{Scheme: p.base.Scheme, Host: p.base.Host, Path: r.URL.Path}
	proof, err := dpop.Verify(proofs[0], dpop.Request{Method: r.Method, URL: target, Token: token})
	if err != nil {
		return "", badRequest(dpop.ErrorCode, err.Error())
	}
	now, f := time.Now(), p.fault()
	nonce, good := p.nonces.Issue(now), proof.Nonce != "" && p.nonces.Taken(proof.Nonce, now)
	if f.NonceStorm {
		nonce, good = randomText(16), false
	}
	if proof.Nonce != nonce {
		w.Header().Set(dpop.NonceHeader, nonce)
	}
	switch {
	case !good && (proof.Nonce != "" || f.DPoPNonce || f.NonceStorm):
		return "", badRequest(dpop.ErrUseNonce, "the nonce of this provider is wanted in the DPoP proof")
	case proof.Nonce == "" && now.Sub(proof.Issued).Abs() > proofAge:
		return "", badRequest(dpop.ErrUseNonce, "the DPoP proof is not of now; use a nonce")
	case !p.once(p.proofs, proof.Thumbprint, proof.ID, now.Add(2*proofAge)):
		return "", badRequest(dpop.ErrorCode, "the DPoP proof was used before, or cannot be known again")
	}
	return proof.Thumbprint, nil
}

// bind puts the key into what a token or an introspection says (RFC 9449, section 6).
func bind(claims map[string]any, key string) {
	if key != "" {
		claims["cnf"] = map[string]string{"jkt": key}
	}
}

// tokenType is that of an access token (RFC 9449, section 5).
func tokenType(key string) string {
	if key == "" {
		return "Bearer"
	}
	return dpop.Scheme
}
