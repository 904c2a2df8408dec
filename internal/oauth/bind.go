package oauth

import (
	"net/http"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// bind gives the login the key that its tokens are to be bound to, where they are: the
// one of the account, or a new one. Until there is a token, TokenType says whether a
// bearer token would be an error. Where requests carry the ID token, nothing is.
func (l *login) bind() {
	if l.presentsIDToken(&l.previous) {
		return
	}
	bound := l.previous.Bound() || l.found.Binding == discovery.BoundOnly
	if !bound && l.found.Binding != discovery.Bindable {
		return
	}
	if l.next.ProofKey = l.previous.ProofKey; l.next.ProofKey.IsZero() {
		l.next.ProofKey = grant.NewProofKey()
	}
	if bound {
		l.next.TokenType = dpop.Scheme
	}
}

// withoutLostKey is cred, without its tokens where those are bound to a key that is
// lost or damaged: nobody can use them any more.
func (c *Client) withoutLostKey(cred Credential) Credential {
	if !cred.Bound() {
		return cred
	}
	if _, err := c.grants.Proofs.Key(cred.ProofKey); err != nil {
		c.lostKey.Do(func() {
			c.log.Warn("the login is bound to a key that is lost; somebody has to sign in again", "error", err)
		})
		cred.AccessToken, cred.RefreshToken, cred.ProofKey, cred.Established = grant.Secret{}, grant.Secret{}, grant.Secret{}, true
	}
	return cred
}

// Proven reports whether requests carry the token of cred with proofs.
func (c *Client) Proven(cred *Credential) bool { return cred.Bound() && !c.presentsIDToken(cred) }

// sendProven sends req with the token of cred, which is bound to a key, and a fresh proof
// (RFC 9449, section 7). Where the server refuses the proof, and not the token, it is sent
// once more with another one, and with the nonce of that refusal: this is no renewal. A
// server that goes on refusing proofs is an error.
func (t *transport) sendProven(req *http.Request, cred *Credential) (*http.Response, error) {
	c, nonce := t.client, ""
	for again := false; ; again = true {
		signed := withOwnHeader(req)
		if err := c.grants.Proofs.Sign(signed, cred.ProofKey, cred.AccessToken, nonce); err != nil {
			closeBody(req)
			return nil, c.signInError(err)
		}
		resp, err := t.base.RoundTrip(signed)
		if err != nil {
			return nil, err
		}
		nonce = c.grants.Proofs.Learn(req.URL, resp.Header.Get(dpop.NonceHeader))
		challenge, refused := refusesProof(resp)
		if !refused {
			return resp, nil
		}
		foreign.Discard(resp)
		if again || challenge.ErrorCode() == dpop.ErrUseNonce && nonce == "" {
			return nil, c.proofRefused(challenge)
		}
		if req, err = Replay(req); err != nil {
			return nil, c.signInError(err)
		}
	}
}

// refusesProof reports whether a response says that the proof of its request is at fault,
// or lacks a nonce (RFC 9449, sections 7.1 and 9).
func refusesProof(resp *http.Response) (challenge discovery.Challenge, refused bool) {
	if resp.StatusCode != http.StatusUnauthorized {
		return challenge, false
	}
	challenge, _ = discovery.DPoPChallenge(resp.Header)
	return challenge, challenge.ErrorCode() == dpop.ErrUseNonce || challenge.ErrorCode() == dpop.ErrorCode
}

func (c *Client) proofRefused(challenge discovery.Challenge) error {
	cause, next := "the server refuses the proof that the login has its key (DPoP)", "is the clock of this machine right? If it is, ask whoever runs the server; or, to forget the login with its key before you sign in again, run: "+c.command("logout")
	if challenge.ErrorCode() == dpop.ErrUseNonce {
		cause, next = "the server asks for a nonce again and again, or gives none (DPoP)", "ask whoever runs the server: no request gets through"
	}
	return &grant.Error{
		Op: "sign a request to " + c.cfg.Server.Redacted(), Code: grant.ErrorCode(challenge.ErrorCode()),
		Err: refusedBy(challenge, cause), Hint: next,
	}
}
