package dpop

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is the JWS algorithm of proofs that a [Key] makes. Every provider that
// takes proofs knows it.
const Algorithm = "ES256"

// Type is the typ of a proof, and Scheme the authentication scheme of a bound token
// (RFC 9449, sections 4.2 and 7.1). Type is also the token_type.
const (
	Type   = "dpop+jwt"
	Scheme = "DPoP"
)

// Header names (RFC 9449, sections 4.1 and 8).
const (
	ProofHeader = "DPoP"
	NonceHeader = "DPoP-Nonce"
)

// ErrUseNonce is the error code of a provider or resource that wants its nonce in
// the proof (RFC 9449, sections 8 and 9); ErrorCode that of a bad proof.
const (
	ErrUseNonce = "use_dpop_nonce"
	ErrorCode   = "invalid_dpop_proof"
)

// Key is a client's key for proofs, of curve P-256. It does not change, and is safe for
// concurrent use. It is never printed.
type Key struct{ secret *ecdsa.PrivateKey }

// NewKey makes one.
func NewKey() *Key {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return &Key{secret}
}

// ParseKey reads what [Key.Encode] has written. The error never quotes it.
func ParseKey(encoded string) (*Key, error) {
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("not the key of a DPoP proof")
	}
	secret, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, errors.New("not the key of a DPoP proof")
	}
	return &Key{secret}, nil
}

// Encode returns the secret key for a store.
func (k *Key) Encode() string {
	raw, err := k.secret.Bytes()
	if err != nil {
		panic(err) // only of an invalid key, which none here is
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// String says only that it is a key, so that no print shows it.
func (k *Key) String() string { return "[DPoP key]" }

// GoString is String.
func (k *Key) GoString() string { return k.String() }

// Thumbprint returns the SHA-256 thumbprint of the public key (RFC 7638): what jkt in a
// token's cnf, and dpop_jkt, must be.
func (k *Key) Thumbprint() string { return thumbprint(k.public()) }

func (k *Key) public() publicKey { return ellipticPublic(&k.secret.PublicKey) }

// Proof signs a proof for one request: its method, its URL, whose query and fragment are left
// out (RFC 9449, section 4.2), and the nonce of its server, "" for none. token
// is the access token that goes with it, "" at a token endpoint.
func (k *Key) Proof(method string, target *url.URL, token, nonce string, now time.Time) (string, error) {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": bare(target), "iat": now.Unix()}
	if token != "" {
		claims["ath"] = hashOf(token)
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return SignJWT(jwt.SigningMethodES256, map[string]any{"typ": Type, "jwk": k.public()}, claims, k.secret)
}

// SignJWT signs what a client says (RFC 7515, section 5.1); it adds alg to the header. It is here
// because a jwt.Token makes the program 78 kB larger: its claims can be read, too, by encoding/json.
func SignJWT(method jwt.SigningMethod, header, claims map[string]any, key any) (string, error) {
	header["alg"] = method.Alg()
	encode := base64.RawURLEncoding.EncodeToString
	var parts []string
	for _, members := range []map[string]any{header, claims} {
		text, err := json.Marshal(members)
		if err != nil {
			return "", fmt.Errorf("write a JWT: %w", err)
		}
		parts = append(parts, encode(text))
	}
	signature, err := method.Sign(strings.Join(parts, "."), key)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	return strings.Join(append(parts, encode(signature)), "."), nil
}

// Sign puts token and a proof for req on it (RFC 9449, section 7.1).
func (k *Key) Sign(req *http.Request, token, nonce string, now time.Time) error {
	proof, err := k.Proof(req.Method, req.URL, token, nonce, now)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", Scheme+" "+token)
	}
	req.Header.Set(ProofHeader, proof)
	return nil
}

// hashOf is the ath of an access token (RFC 9449, section 4.2).
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// bare is a URL as it is requested, without query, fragment and user.
func bare(u *url.URL) string {
	short := url.URL{Scheme: u.Scheme, Host: u.Host, Path: cmp.Or(u.Path, "/"), RawPath: u.RawPath}
	return short.String()
}
