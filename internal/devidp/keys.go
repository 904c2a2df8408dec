package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is an ES384 key (RFC 7518, section 3.4).
type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
}

// maxKeys is how many keys are published: the signing one and those before it.
const maxKeys = 3

func newSigningKey() (*signingKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &signingKey{id: randomText(32), private: key}, nil
}

// RotateKey signs with a new key from now on. The two before it stay published.
// Should there be no new key, which takes a broken system, the old one stays
// and the log says so.
func (p *Provider) RotateKey() {
	key, err := newSigningKey()
	if err != nil {
		p.cfg.Log.Error("the signing key stays as it is", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append([]*signingKey{key}, p.keys...)
	p.keys = p.keys[:min(len(p.keys), maxKeys)]
}

// sign makes a JWT of the given type, "" for none.
func (p *Provider) sign(typ string, claims jwt.MapClaims) (string, error) {
	p.mu.Lock()
	key := p.keys[0]
	p.mu.Unlock()
	t := jwt.NewWithClaims(jwt.SigningMethodES384, claims)
	t.Header["kid"] = key.id
	if delete(t.Header, "typ"); typ != "" {
		t.Header["typ"] = typ
	}
	return t.SignedString(key.private)
}

// jwks publishes the keys (RFC 7517, section 5).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) *oauthError {
	p.mu.Lock()
	p.stats.JWKS++
	keys := p.keys
	p.mu.Unlock()
	list := []map[string]string{}
	for _, k := range keys {
		// An uncompressed point: 4, then x and y of 48 bytes each.
		point, err := k.private.PublicKey.Bytes()
		if err != nil {
			continue
		}
		list = append(list, map[string]string{
			"kty": "EC", "use": "sig", "alg": "ES384", "crv": "P-384", "kid": k.id,
			"x": base64.RawURLEncoding.EncodeToString(point[1:49]), "y": base64.RawURLEncoding.EncodeToString(point[49:]),
		})
	}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.Header().Set("Content-Type", "application/jwk-set+json; charset=utf-8")
	return writeJSON(w, http.StatusOK, map[string]any{"keys": list})
}
