package dpop

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json" // which takes no name twice, and none in other letters
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/origin"
)

// Limits of a proof. Real ones have some 500 bytes.
const (
	maxProof      = 4 << 10
	maxIdentifier = 256
)

// Algorithms are those of the proofs that [Verify] takes, for a server's metadata.
func Algorithms() []string { return []string{"ES256", "EdDSA"} }

// Proof is what a good proof says.
type Proof struct {
	// Thumbprint is that of its key (RFC 7638), for cnf.jkt of the token.
	Thumbprint string
	// ID is its jti, of at most 256 bytes: it must not be taken twice.
	ID string
	// Issued is when the client says that it made the proof.
	Issued time.Time
	// Nonce is the nonce in it, "" for none.
	Nonce string
}

// Request is what a proof must be for.
type Request struct {
	Method string
	// URL is where the client sent the request: the configured address, not what a Host
	// header says.
	URL *url.URL
	// Token is the access token that the proof goes with, "" at a token endpoint.
	Token string
}

// Verify checks a proof by itself (RFC 9449, section 4.3, numbers 2 to 9 and 12): its form,
// its signature with the key in it, and that it is for this request. The errors say why in
// words of this package, and quote nothing.
func Verify(proof string, r Request) (Proof, error) {
	if len(proof) > maxProof {
		return Proof{}, errors.New("the DPoP proof is too long")
	}
	var key publicKey
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods(Algorithms()), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(proof, &c, func(*jwt.Token) (secret any, err error) {
		key, secret, err = keyIn(proof)
		return secret, err
	})
	var own keyError
	switch {
	case errors.As(err, &own):
		return Proof{}, own
	case err != nil:
		return Proof{}, errors.New("the DPoP proof is not a JWT with a good signature by ES256 or EdDSA")
	}
	if err := c.check(r); err != nil {
		return Proof{}, err
	}
	return Proof{Thumbprint: thumbprint(key), ID: c.ID, Issued: time.Unix(int64(c.Issued), 0), Nonce: c.Nonce}, nil
}

// claims are those of RFC 9449, section 4.2.
type claims struct {
	jwt.MapClaims `json:"-"` // for the interface; it stays empty

	ID     string  `json:"jti"`
	Method string  `json:"htm"`
	URL    string  `json:"htu"`
	Issued float64 `json:"iat"`
	Hash   string  `json:"ath"`
	Nonce  string  `json:"nonce"`
}

// UnmarshalJSON implements the interface that the parser looks for.
func (c *claims) UnmarshalJSON(raw []byte) error {
	type members claims
	return json.Unmarshal(raw, (*members)(c)) //nolint:wrapcheck // for Verify, which replaces it
}

func (c *claims) check(r Request) error {
	switch {
	case c.ID == "" || len(c.ID) > maxIdentifier:
		return errors.New("the DPoP proof has no jti, or a long one")
	case c.Issued <= 0 || c.Issued > math.MaxInt32*4.0:
		return errors.New("the DPoP proof has no iat")
	case c.Method != r.Method:
		return errors.New("the DPoP proof is for another method")
	case !sameURL(c.URL, r.URL):
		return errors.New("the DPoP proof is for another URL")
	case r.Token != "" && c.Hash != hashOf(r.Token):
		return errors.New("the DPoP proof is for another access token")
	}
	return nil
}

// sameURL compares htu with the address of a request, both without query and fragment, after the
// normalization of RFC 3986 sections 6.2.2 and 6.2.3, but for the dots in a path: clients send none.
func sameURL(htu string, target *url.URL) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Opaque != "" || !origin.SameOrigin(u, target) {
		return false
	}
	return normal(u) == normal(target)
}

// normal is the path in one spelling: with no escape that is not needed, and the others in
// upper case.
func normal(u *url.URL) string {
	parts := strings.Split(cmp.Or(u.EscapedPath(), "/"), "%")
	for i, part := range parts[1:] {
		char, _ := url.PathUnescape("%" + part[:2])
		parts[i+1] = strings.ReplaceAll(url.QueryEscape(char), "+", "%20") + part[2:] // it escapes all but the unreserved
	}
	return strings.Join(parts, "")
}

// keyError says what is wrong with the header of a proof.
type keyError string

func (e keyError) Error() string { return string(e) }

// keyIn returns the public key in the header of a proof.
func keyIn(proof string) (publicKey, crypto.PublicKey, error) {
	encoded, _, _ := strings.Cut(proof, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(encoded) // the parser has done so
	var header map[string]any
	if json.Unmarshal(raw, &header) != nil {
		return publicKey{}, nil, keyError("the DPoP proof says something twice")
	}
	if header["typ"] != Type {
		return publicKey{}, nil, keyError("the DPoP proof is of another type than dpop+jwt")
	}
	if _, critical := header["crit"]; critical {
		return publicKey{}, nil, keyError("the DPoP proof has an extension that is not known")
	}
	members, _ := header["jwk"].(map[string]any)
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, present := members[private]; present {
			return publicKey{}, nil, keyError("the DPoP proof shows a private key")
		}
	}
	text := func(name string) string { s, _ := members[name].(string); return s }
	key := publicKey{Curve: text("crv"), Type: text("kty"), X: text("x"), Y: text("y")}
	secret, err := key.parse()
	if err != nil {
		return publicKey{}, nil, keyError("the DPoP proof has no public key of P-256 or Ed25519")
	}
	return key, secret, nil
}

// publicKey has the required members of a public JWK, in the order of RFC 7638 section 3.2.
type publicKey struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y,omitempty"`
}

func (k publicKey) parse() (crypto.PublicKey, error) {
	strict := base64.RawURLEncoding.Strict() // one key has one spelling, and so one thumbprint
	x, errX := strict.DecodeString(k.X)
	y, errY := strict.DecodeString(k.Y)
	switch {
	case errX != nil || errY != nil || strings.ContainsAny(k.X+k.Y, "\r\n"): // which it passes over
	case k.Type == "EC" && k.Curve == "P-256" && len(x) == 32 && len(y) == 32:
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return nil, fmt.Errorf("read the key of a proof: %w", err)
		}
		return key, nil
	case k.Type == "OKP" && k.Curve == "Ed25519" && len(x) == ed25519.PublicKeySize && k.Y == "":
		return ed25519.PublicKey(x), nil
	}
	return nil, errors.New("not a public key of P-256 or Ed25519")
}

func ellipticPublic(key *ecdsa.PublicKey) publicKey {
	point, err := key.Bytes() // 4, X, Y
	if err != nil {
		panic(err) // only of an invalid key, which none here is
	}
	half := 1 + (len(point)-1)/2
	encode := base64.RawURLEncoding.EncodeToString
	return publicKey{Curve: "P-256", Type: "EC", X: encode(point[1:half]), Y: encode(point[half:])}
}

func thumbprint(k publicKey) string {
	members, err := json.Marshal(k) // as RFC 7638, section 3.1 wants it
	if err != nil {
		panic(err) // four strings
	}
	sum := sha256.Sum256(members)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// NonceOf is the nonce in a proof, which need not have been verified; "" is none.
func NonceOf(proof string) string {
	if len(proof) > maxProof {
		return ""
	}
	_, rest, _ := strings.Cut(proof, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	var said struct {
		Nonce string `json:"nonce"`
	}
	if err != nil || json.Unmarshal(raw, &said) != nil {
		return ""
	}
	return said.Nonce
}
