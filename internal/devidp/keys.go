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

func newSigningKey() (signingKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return signingKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	return signingKey{id: randomText(32), private: key}, nil
}

// sign makes a JWT of the given type, "" for none.
func (p *Provider) sign(typ string, claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES384, claims)
	t.Header["kid"] = p.key.id
	if delete(t.Header, "typ"); typ != "" {
		t.Header["typ"] = typ
	}
	return t.SignedString(p.key.private)
}

// jwks publishes the key (RFC 7517, section 5).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) *oauthError {
	p.count(func(s *Stats) { s.JWKS++ })
	point, err := p.key.private.PublicKey.Bytes() // uncompressed: 4, then x and y of 48 bytes each
	if err != nil {
		return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "cannot publish the key"}
	}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.Header().Set("Content-Type", "application/jwk-set+json; charset=utf-8")
	return writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "EC", "use": "sig", "alg": "ES384", "crv": "P-384", "kid": p.key.id,
		"x": base64.RawURLEncoding.EncodeToString(point[1:49]), "y": base64.RawURLEncoding.EncodeToString(point[49:]),
	}}})
}
