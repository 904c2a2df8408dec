package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"mcp-login/internal/dpop"
)

// NewProofKey makes the key of an account, as a store keeps it.
func NewProofKey() Secret { return NewSecret(dpop.NewKey().Encode()) }

// Proofs makes proofs of possession (RFC 9449), and remembers the latest nonce of each
// server, which an authorization server and a resource choose each for itself. The zero
// value is ready for use. It is safe for concurrent use.
type Proofs struct {
	mu     sync.Mutex
	nonces map[string]string // by origin
	kept   Secret            // of key
	key    *dpop.Key
}

// maxNonces is far above the servers of one account: a resource and its authorization
// server. maxNonce bounds one, which travels in a header.
const (
	maxNonces = 16
	maxNonce  = 1 << 10
)

// Key reads a key from a store. The last one is not read again.
func (p *Proofs) Key(kept Secret) (*dpop.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == nil || !p.kept.Equal(kept) {
		key, err := dpop.ParseKey(kept.Reveal())
		if err != nil {
			return nil, fmt.Errorf("the key of the login: %w", err)
		}
		p.kept, p.key = kept, key
	}
	return p.key, nil
}

// Sign puts a fresh proof on req, and token unless that is zero. A nonce that is not "" is
// used in place of the latest one of the server.
func (p *Proofs) Sign(req *http.Request, kept, token Secret, nonce string) error {
	key, err := p.Key(kept)
	if err != nil {
		return err
	}
	if nonce == "" {
		p.mu.Lock()
		nonce = p.nonces[originOf(req.URL)]
		p.mu.Unlock()
	}
	return key.Sign(req, token.Reveal(), nonce, time.Now())
}

// Learn keeps the nonce in a response of the server at target (RFC 9449, sections 8.1, 8.2
// and 9), and returns it; "" is none, or one that no proof can have.
func (p *Proofs) Learn(target *url.URL, nonce string) string {
	if nonce == "" || len(nonce) > maxNonce || strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	at := originOf(target)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.nonces[at]; p.nonces == nil || !known && len(p.nonces) == maxNonces {
		p.nonces = map[string]string{}
	}
	p.nonces[at] = nonce
	return nonce
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// thumbprint is that of a key from a store, "" for none.
func thumbprint(kept Secret) string {
	key, err := dpop.ParseKey(kept.Reveal())
	if err != nil {
		return ""
	}
	return key.Thumbprint()
}

// postProven sends a copy of a form to an endpoint: to the token endpoint with a proof, where
// the token is to be bound, and once more where the server wants its nonce in it. A form
// that is refused for that has spent nothing (RFC 9449, section 8).
func (c *Client) postProven(ctx context.Context, endpoint string, t *Target, form url.Values) (response, error) {
	if t.ProofKey.IsZero() || endpoint != t.Server.TokenEndpoint {
		return c.postForm(ctx, endpoint, t, maps.Clone(form))
	}
	nonce := ""
	prove := func(req *http.Request) error { return c.Proofs.Sign(req, t.ProofKey, Secret{}, nonce) }
	answer, err := c.postWith(ctx, endpoint, t, maps.Clone(form), prove)
	if nonce = answer.nonce; err == nil && answer.Code == dpop.ErrUseNonce && nonce != "" {
		return c.postWith(ctx, endpoint, t, maps.Clone(form), prove)
	}
	return answer, err
}

// errNotBound refuses a token that whoever steals it could use, where one was asked for
// that is bound to the key.
var errNotBound = errors.New("the provider gave a bearer token, and not one that is bound to the key (DPoP)")
