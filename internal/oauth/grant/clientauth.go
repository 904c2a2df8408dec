package grant

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
)

// Authentication by a signed assertion (RFC 7523, section 2.2).
const (
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLifetime = 60 * time.Second
)

// ClientKey is the private key of a client that authenticates with a signed
// assertion. It is never printed.
type ClientKey struct {
	signer crypto.Signer
	id     string // the kid of a JWK, "" for none
}

// ParseClientKey reads a private key: PEM (PKCS #8, PKCS #1 or SEC 1,
// unencrypted) or a JWK (RFC 7517); RSA, P-256, P-384, P-521 or Ed25519. The
// error never quotes the input.
func ParseClientKey(data []byte) (*ClientKey, error) {
	const op = "read the client's key"
	const next = "give an unencrypted private key as PEM or JWK: RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519"
	key, err := parsePEM(data)
	if err != nil {
		key, err = parseJWK(data)
	}
	if err != nil {
		return nil, &hint.Error{Op: op, Err: err, Hint: next}
	}
	if len(key.algorithms()) == 0 {
		return nil, &hint.Error{Op: op, Err: errors.New("the key is of an unsuitable kind or size"), Hint: next}
	}
	return key, nil
}

var errNoKey = errors.New("neither a private key in PEM nor a JWK")

func parsePEM(data []byte) (*ClientKey, error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, errNoKey
		}
		for _, parse := range []func([]byte) (any, error){
			x509.ParsePKCS8PrivateKey,
			func(b []byte) (any, error) { return x509.ParsePKCS1PrivateKey(b) },
			func(b []byte) (any, error) { return x509.ParseECPrivateKey(b) },
		} {
			if key, err := parse(block.Bytes); err == nil {
				if signer, ok := key.(crypto.Signer); ok {
					return &ClientKey{signer: signer}, nil
				}
			}
		}
	}
}

// jwk is a private key of RFC 7518 section 6 or RFC 8037.
type jwk struct {
	Type  string `json:"kty"`
	ID    string `json:"kid"`
	Curve string `json:"crv"`
	D     string `json:"d"`
	X     string `json:"x"`
	Y     string `json:"y"`
	N     string `json:"n"`
	E     string `json:"e"`
	P     string `json:"p"`
	Q     string `json:"q"`
}

func parseJWK(data []byte) (*ClientKey, error) {
	var k jwk
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, errNoKey
	}
	signer, err := k.signer()
	if err != nil {
		return nil, err
	}
	return &ClientKey{signer: signer, id: k.ID}, nil
}

func (k jwk) signer() (crypto.Signer, error) {
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(b) > 1024 {
			return new(big.Int)
		}
		return new(big.Int).SetBytes(b)
	}
	switch k.Type {
	case "OKP":
		seed, err := base64.RawURLEncoding.DecodeString(k.D)
		if err != nil || k.Curve != "Ed25519" || len(seed) != ed25519.SeedSize {
			return nil, errors.New("not a private Ed25519 JWK")
		}
		key := ed25519.NewKeyFromSeed(seed)
		if k.X != base64.RawURLEncoding.EncodeToString(key[ed25519.SeedSize:]) {
			return nil, errors.New("not a private Ed25519 JWK")
		}
		return key, nil
	case "EC":
		return k.ellipticKey()
	case "RSA":
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())},
			D:         number(k.D), Primes: []*big.Int{number(k.P), number(k.Q)},
		}
		if err := key.Validate(); err != nil {
			return nil, errors.New("not a private RSA JWK with its primes")
		}
		key.Precompute()
		return key, nil
	}
	return nil, errors.New("not a private JWK")
}

// algorithms lists the JWS algorithms the key can sign with, the one to prefer
// first.
func (k *ClientKey) algorithms() []string {
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return []string{"RS256", "PS256"}
		}
	case *ecdsa.PrivateKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PrivateKey:
		return []string{"EdDSA"}
	}
	return nil
}

// assertion signs one for an authorization server: iss and sub are the client,
// aud the issuer, which cannot be mistaken for another server's endpoint.
func (k *ClientKey) assertion(clientID, audience string, supported []string, now time.Time) (string, error) {
	algorithm := ""
	for _, a := range k.algorithms() {
		if len(supported) == 0 || slices.Contains(supported, a) {
			algorithm = a
			break
		}
	}
	if algorithm == "" {
		return "", fmt.Errorf("the provider takes assertions signed with %s, and the key is for %s", foreign.Line(strings.Join(supported, ", ")), strings.Join(k.algorithms(), ", "))
	}
	header := map[string]any{"typ": "JWT"}
	if k.id != "" {
		header["kid"] = k.id
	}
	signed, err := dpop.SignJWT(jwt.GetSigningMethod(algorithm), header, map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	}, k.signer)
	if err != nil {
		return "", fmt.Errorf("sign the assertion: %w", err)
	}
	return signed, nil
}

// authenticate adds what the client proves itself with to a form, and returns
// the user name and password for Basic, both form-encoded (RFC 6749, section
// 2.3.1), "" where there is none. endpoint is where the form goes.
func (c *Client) authenticate(ctx context.Context, form url.Values, endpoint string, reg Registration, signing []string) (user, password string, err error) {
	switch reg.AuthMethod {
	case authBasic:
		return url.QueryEscape(reg.ClientID), url.QueryEscape(reg.ClientSecret.Reveal()), nil
	case authBasicPlain:
		return reg.ClientID, reg.ClientSecret.Reveal(), nil
	case authPost:
		form.Set("client_id", reg.ClientID)
		form.Set("client_secret", reg.ClientSecret.Reveal())
	case authKey:
		key := c.Key
		if key == nil {
			return "", "", &Error{Op: "authenticate the client", Err: fmt.Errorf("%w: its private key is not given", ErrNotSent), Hint: "add --client-key FILE"}
		}
		audience := reg.Issuer
		if reg.FoundAt != "" {
			// An assertion for a name that is not the provider's own would be good
			// at whoever owns the name (RFC 7523, section 3, number 3 allows both).
			audience = endpoint
		}
		signed, err := key.assertion(reg.ClientID, audience, signing, time.Now())
		if err != nil {
			return "", "", &Error{Op: "authenticate the client", Err: fmt.Errorf("%w: %w", ErrNotSent, err), Hint: "use a key of another kind"}
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", signed)
	case authAssertion:
		assertion, err := c.Assertion(ctx, reg.Provider())
		if err != nil {
			return "", "", err
		}
		// The platform names the client by another name than the provider, often.
		form.Set("client_id", reg.ClientID)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion.Reveal())
	case authCertificate:
		if c.MutualTLS == nil {
			return "", "", &Error{Op: "authenticate the client", Err: fmt.Errorf("%w: its certificate is not given", ErrNotSent), Hint: "add --client-cert FILE"}
		}
		form.Set("client_id", reg.ClientID)
	default:
		if reg.ClientID != "" { // beside an assertion there need not be one (RFC 7521, section 4.1)
			form.Set("client_id", reg.ClientID)
		}
	}
	return "", "", nil
}

// otherAuthMethods are the other ways to present the same secret to the same
// endpoint: the form and Basic, where the provider lists the one or does not say
// what it takes, also for a client that got a secret although it is said to need
// none; then Basic without the encoding of RFC 6749 section 2.3.1, which providers
// forget to undo, where that makes a difference. methods are those listed.
func (r Registration) otherAuthMethods(methods []string) (others []string) {
	id, secret := r.ClientID, r.ClientSecret.Reveal()
	if secret == "" || r.AuthMethod == authKey {
		return nil
	}
	takes := func(method string) bool { return len(methods) == 0 || slices.Contains(methods, method) }
	if r.AuthMethod == authNone || r.AuthMethod == authBasic && takes(authPost) {
		others = append(others, authPost)
	}
	if (r.AuthMethod == authNone || r.AuthMethod == authPost) && takes(authBasic) {
		others = append(others, authBasic)
	}
	if r.AuthMethod == authBasic && (url.QueryEscape(id) != id || url.QueryEscape(secret) != secret) && !strings.Contains(id, ":") {
		others = append(others, authBasicPlain)
	}
	return others
}

// preferredAuthMethod is what registration asks for: a native application can
// keep no secret, so none, unless the server offers only others.
func preferredAuthMethod(m *discovery.ServerMetadata) string {
	if len(m.TokenAuthMethods) == 0 {
		return authNone
	}
	for _, method := range []string{authNone, authBasic, authPost} {
		if slices.Contains(m.TokenAuthMethods, method) {
			return method
		}
	}
	return authNone
}

// authMethod decides how the client authenticates: as the registration
// answered, if that is a method we know; else, with a secret, as the metadata
// says, where saying nothing means Basic (RFC 8414, section 2).
func authMethod(m *discovery.ServerMetadata, answered string, haveSecret bool) string {
	switch {
	case answered == authNone || !haveSecret:
		return authNone
	case answered == authBasic || answered == authPost:
		return answered
	case len(m.TokenAuthMethods) == 0 || slices.Contains(m.TokenAuthMethods, authBasic):
		return authBasic
	case slices.Contains(m.TokenAuthMethods, authPost):
		return authPost
	}
	return authNone
}

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
