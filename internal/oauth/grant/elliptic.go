package grant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
)

// ellipticKey reads the private scalar and checks that the public point
// belongs to it.
func (k jwk) ellipticKey() (*ecdsa.PrivateKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	wrong := errors.New("not a private elliptic curve JWK")
	curve := curves[k.Curve]
	if curve == nil {
		return nil, wrong
	}
	size := (curve.Params().BitSize + 7) / 8
	var parts [3][]byte
	for i, s := range []string{k.D, k.X, k.Y} {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(b) != size {
			return nil, wrong
		}
		parts[i] = b
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, parts[0])
	if err != nil {
		return nil, wrong
	}
	point := append(append([]byte{4}, parts[1]...), parts[2]...)
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil || !public.Equal(&key.PublicKey) {
		return nil, wrong
	}
	return key, nil
}
