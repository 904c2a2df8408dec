package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// assertionType says that client_assertion is a JWT (RFC 7523 section 2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLife is short, since an assertion is made for one request.
	assertionLife = time.Minute
)

// signingMethod is the algorithm that goes with a private key, or why there is none. An
// RSA key has several: PS256 is taken where the issuer names that and not RS256.
func signingMethod(key crypto.Signer, accepted []string) (jwt.SigningMethod, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("an RSA key needs at least %d bits", minRSABits)
		}
		if slices.Contains(accepted, "PS256") && !slices.Contains(accepted, "RS256") {
			return jwt.SigningMethodPS256, nil
		}
		return jwt.SigningMethodRS256, nil
	case ed25519.PrivateKey:
		return jwt.SigningMethodEdDSA, nil
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return jwt.SigningMethodES256, nil
		case elliptic.P384():
			return jwt.SigningMethodES384, nil
		case elliptic.P521():
			return jwt.SigningMethodES512, nil
		}
	}
	return nil, errors.New("the key must be of RSA, Ed25519, or P-256, P-384 or P-521")
}

// assertion signs in at issuer as private_key_jwt (RFC 7523 section 3). The audience is
// the issuer alone, as draft-ietf-oauth-rfc7523bis wants it: an endpoint's URL may come
// from another issuer's metadata. typ stays JWT, because several servers refuse the
// draft's own, and no server may ask for that yet.
func (i *Introspection) assertion(issuer string, accepted []string) (string, error) {
	method, err := signingMethod(i.Key, accepted)
	if err != nil {
		return "", err
	}
	now := time.Now()
	token := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": i.ClientID, "sub": i.ClientID, "aud": issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if i.KeyID != "" {
		token.Header["kid"] = i.KeyID
	}
	return token.SignedString(i.Key)
}

// check reports why a server could not sign in with these credentials.
func (i *Introspection) check() error {
	if i.ClientID == "" || (i.ClientSecret == "") == (i.Key == nil) {
		return errors.New("introspection: a client id is needed, and either a client secret or a key")
	}
	if i.Key == nil {
		return nil
	}
	if _, err := signingMethod(i.Key, nil); err != nil {
		return fmt.Errorf("introspection: %w", err)
	}
	return nil
}
