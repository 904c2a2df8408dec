package grant

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keyForTests is a private key in one of its spellings.
type keyForTests struct {
	name, algorithm, kid string
	data                 []byte
	public               crypto.PublicKey
}

// rsaForTests is made once: it takes long.
var rsaForTests = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func number(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func asJWK(t testing.TB, members map[string]string) []byte {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rsaMembers(key *rsa.PrivateKey, kid string) map[string]string {
	return map[string]string{
		"kty": "RSA", "kid": kid, "n": number(key.N), "e": "AQAB", "d": number(key.D), "p": number(key.Primes[0]), "q": number(key.Primes[1]),
		"dp": "AQ", "dq": "AQ", "qi": "AQ", "use": "sig", // members of a whole JWK that are computed anew
	}
}

func ellipticMembers(t testing.TB, key *ecdsa.PrivateKey, kid string) map[string]string {
	t.Helper()
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	size := len(point) / 2
	return map[string]string{
		"kty": "EC", "kid": kid, "crv": key.Curve.Params().Name, "d": base64.RawURLEncoding.EncodeToString(d),
		"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+size]), "y": base64.RawURLEncoding.EncodeToString(point[1+size:]),
	}
}

func edMembers(key ed25519.PrivateKey, kid string) map[string]string {
	return map[string]string{
		"kty": "OKP", "kid": kid, "crv": "Ed25519", "d": base64.RawURLEncoding.EncodeToString(key.Seed()),
		"x": base64.RawURLEncoding.EncodeToString(key[ed25519.SeedSize:]),
	}
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return asPEM("PRIVATE KEY", der)
}

// keysForTests makes a key of each kind that is taken, in each spelling.
func keysForTests(t testing.TB) []keyForTests {
	t.Helper()
	r, err := rsaForTests()
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	list := []keyForTests{
		{"RSA PKCS8", "RS256", "", pkcs8(t, r), r.Public()},
		{"RSA PKCS1", "RS256", "", asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), r.Public()},
		{"RSA JWK", "RS256", "rsa-1", asJWK(t, rsaMembers(r, "rsa-1")), r.Public()},
		{"Ed25519 PKCS8", "EdDSA", "", pkcs8(t, ed), ed.Public()},
		{"Ed25519 JWK", "EdDSA", "ed-1", asJWK(t, edMembers(ed, "ed-1")), ed.Public()},
	}
	for curve, algorithm := range map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sec1, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		name := curve.Params().Name
		list = append(list,
			keyForTests{name + " PKCS8", algorithm, "", pkcs8(t, key), key.Public()},
			keyForTests{name + " SEC1", algorithm, "", asPEM("EC PRIVATE KEY", sec1), key.Public()},
			keyForTests{name + " JWK", algorithm, "ec-1", asJWK(t, ellipticMembers(t, key, "ec-1")), key.Public()},
			keyForTests{name + " after its parameters", algorithm, "", append(asPEM("EC PARAMETERS", []byte{6, 1, 1}), asPEM("EC PRIVATE KEY", sec1)...), key.Public()},
		)
	}
	return list
}

// verifyAssertion has key sign an assertion, which its public half must verify.
func verifyAssertion(t testing.TB, key *ClientKey, algorithm string) *jwt.Token {
	t.Helper()
	signed, err := key.assertion("client", "https://as.example/oidc", []string{algorithm}, time.Now())
	if err != nil {
		t.Fatalf("%s: %v", algorithm, err)
	}
	token, err := jwt.Parse(signed, func(*jwt.Token) (any, error) { return key.signer.Public(), nil }, jwt.WithValidMethods([]string{algorithm}))
	if err != nil {
		t.Fatalf("%s: %v", algorithm, err)
	}
	return token
}

// RFC 7517, RFC 7518 section 6, RFC 8037: each kind of key in each spelling is
// the key that was written, and signs with the algorithm of its kind.
func TestClientKeyKinds(t *testing.T) {
	for _, k := range keysForTests(t) {
		t.Run(k.name, func(t *testing.T) {
			key, err := ParseClientKey(k.data)
			if err != nil {
				t.Fatal(err)
			}
			if public, ok := key.signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(k.public) {
				t.Error("another key than the one that was written")
			}
			signed, err := key.assertion("client", "https://as.example", nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			token, err := jwt.Parse(signed, func(*jwt.Token) (any, error) { return k.public, nil }, jwt.WithValidMethods([]string{k.algorithm}))
			if err != nil {
				t.Fatal(err)
			}
			if kid, named := token.Header["kid"]; named != (k.kid != "") || named && kid != k.kid {
				t.Errorf("kid %v, want %q", kid, k.kid)
			}
		})
	}
}

// without returns a copy of members with changes; a pair's empty value takes
// the member out.
func without(members map[string]string, changes ...string) map[string]string {
	changed := map[string]string{}
	for name, value := range members {
		changed[name] = value
	}
	for i := 0; i < len(changes); i += 2 {
		if changed[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(changed, changes[i])
		}
	}
	return changed
}

// encrypted spells key as PEM under a password, as OpenSSL did of old (RFC
// 1421), and as PKCS #8 does.
func encrypted(t *testing.T, key *rsa.PrivateKey) (legacy, modern []byte) {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PrivateKey(key)
	der = append(der, make([]byte, aes.BlockSize-len(der)%aes.BlockSize)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(der, der)
	legacy = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00000000000000000000000000000000"}, Bytes: der})
	return legacy, asPEM("ENCRYPTED PRIVATE KEY", der)
}

// What is no private key of a suitable kind is refused, with advice, and not a
// word of it is repeated: the file may hold another secret.
func TestClientKeyRefusals(t *testing.T) {
	r, err := rsaForTests()
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	two, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	_, otherEd, _ := ed25519.GenerateKey(rand.Reader)
	public, err := x509.MarshalPKIXPublicKey(r.Public())
	if err != nil {
		t.Fatal(err)
	}
	legacy, modern := encrypted(t, r)
	ec, other, rsaJWK := ellipticMembers(t, one, "k"), ellipticMembers(t, two, "k"), rsaMembers(r, "k")
	for name, data := range map[string][]byte{
		"public PEM":                asPEM("PUBLIC KEY", public),
		"public PKCS1":              asPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey)),
		"public RSA JWK":            asJWK(t, without(rsaJWK, "d", "", "p", "", "q", "")),
		"public EC JWK":             asJWK(t, without(ec, "d", "")),
		"public Ed25519 JWK":        asJWK(t, without(edMembers(ed, "k"), "d", "")),
		"encrypted, of old":         legacy,
		"encrypted PKCS8":           modern,
		"1024 bits PKCS8":           pkcs8(t, small),
		"1024 bits PKCS1":           asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)),
		"1024 bits JWK":             asJWK(t, rsaMembers(small, "k")),
		"P-224":                     pkcs8(t, p224),
		"RSA JWK without primes":    asJWK(t, without(rsaJWK, "p", "", "q", "")),
		"RSA JWK, another modulus":  asJWK(t, without(rsaJWK, "n", number(small.N))),
		"RSA JWK, another exponent": asJWK(t, without(rsaJWK, "e", "Aw")),
		"EC JWK, another point":     asJWK(t, without(ec, "x", other["x"], "y", other["y"])),
		"EC JWK, off the curve":     asJWK(t, without(ec, "y", other["y"])),
		"EC JWK, another curve":     asJWK(t, without(ec, "crv", "P-384")),
		"EC JWK, no point":          asJWK(t, without(ec, "x", "", "y", "")),
		"EC JWK, scalar 0":          asJWK(t, without(ec, "d", base64.RawURLEncoding.EncodeToString(make([]byte, 32)))),
		"EC JWK, padded":            asJWK(t, without(ec, "d", ec["d"]+"=")),
		"X25519 JWK":                asJWK(t, without(edMembers(ed, "k"), "crv", "X25519")),
		// RFC 8037, section 2: the public point belongs to d.
		"Ed25519 JWK, another point": asJWK(t, without(edMembers(ed, "k"), "x", edMembers(otherEd, "k")["x"])),
		"Ed25519 JWK, no point":      asJWK(t, without(edMembers(ed, "k"), "x", "")),
		"Ed25519 JWK, short seed":    asJWK(t, without(edMembers(ed, "k"), "d", "AAAA")),
		"symmetric JWK":              asJWK(t, map[string]string{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}),
		"JWK set":                    []byte(`{"keys":[` + string(asJWK(t, ec)) + `]}`),
		"JWK with a doubled member":  []byte(`{"kty":"EC",` + string(asJWK(t, ec))[1:]),
		"JWK cut off":                asJWK(t, ec)[:40],
		"PEM cut off":                pkcs8(t, r)[:400],
		"password":                   []byte("correct horse battery staple"),
		"nothing":                    {},
		"binary":                     {0, 1, 2, 0xff, 0xfe},
	} {
		key, err := ParseClientKey(data)
		if err == nil || key != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		advice, ok := err.(interface{ UserHint() string })
		if !ok || !strings.Contains(advice.UserHint(), "PEM or JWK") {
			t.Errorf("%s: no advice: %v", name, err)
			continue
		}
		said := err.Error() + advice.UserHint()
		for part := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return strings.ContainsRune("\n\" {}:,", r) }) {
			if len(part) > 10 && strings.Contains(said, part) {
				t.Errorf("%s: the error quotes %q", name, part)
			}
		}
	}
}

// RFC 7523, section 3: who, to whom, for how long, and never twice the same.
func TestAssertionClaims(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseClientKey(pkcs8(t, ed))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 1000 {
		token := verifyAssertion(t, key, "EdDSA")
		claims, ok := token.Claims.(jwt.MapClaims)
		if !ok {
			t.Fatal("no claims")
		}
		issued, _ := claims.GetIssuedAt()
		expires, _ := claims.GetExpirationTime()
		audience, _ := claims.GetAudience()
		if claims["iss"] != "client" || claims["sub"] != "client" || len(audience) != 1 || audience[0] != "https://as.example/oidc" {
			t.Fatalf("%v", claims)
		}
		if issued == nil || expires == nil || expires.Sub(issued.Time) > time.Minute || !expires.After(time.Now()) || issued.After(time.Now()) {
			t.Fatalf("from %v to %v", issued, expires)
		}
		id, _ := claims["jti"].(string)
		if len(id) < 22 || seen[id] { // 128 bits and more
			t.Fatalf("jti %q", id)
		}
		seen[id] = true
	}
}

// RFC 8414, token_endpoint_auth_signing_alg_values_supported: the algorithm is
// one that the provider takes, RS256 only by preference, never another one.
func TestAssertionAlgorithm(t *testing.T) {
	r, err := rsaForTests()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseClientKey(pkcs8(t, r))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		supported []string
		want      string
	}{
		{nil, "RS256"},
		{[]string{"PS256", "RS256"}, "RS256"},
		{[]string{"ES256", "PS256"}, "PS256"},
		{[]string{"PS256"}, "PS256"},
		{[]string{"ES256", "HS256", "none"}, ""},
		{[]string{"rs256"}, ""}, // names are case-sensitive (RFC 7515)
	} {
		signed, err := key.assertion("client", "https://as.example", tc.supported, time.Now())
		if tc.want == "" {
			if err == nil || !strings.Contains(err.Error(), tc.supported[0]) {
				t.Errorf("%q: %v", tc.supported, err)
			}
			continue
		}
		if _, err := jwt.Parse(signed, func(*jwt.Token) (any, error) { return r.Public(), nil }, jwt.WithValidMethods([]string{tc.want})); err != nil {
			t.Errorf("%q: %v", tc.supported, err)
		}
	}
}

// The form of each way to authenticate (RFC 6749 section 2.3.1, RFC 7523
// section 2.2); a key that is missing is an error, and nothing is sent.
func TestClientAuthentication(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseClientKey(pkcs8(t, ed))
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{}
	reg := Registration{Issuer: "https://as.example", ClientID: "a:b c", ClientSecret: NewSecret("s:ä&")}
	form := url.Values{}
	reg.AuthMethod = authBasic
	if user, password, err := c.authenticate(t.Context(), form, "", reg, nil); err != nil || user != "a%3Ab+c" || password != "s%3A%C3%A4%26" || len(form) != 0 {
		t.Errorf("basic: %q, %q, %v, %v", user, password, form, err)
	}
	reg.AuthMethod = authPost
	if user, _, err := c.authenticate(t.Context(), form, "", reg, nil); err != nil || user != "" || form.Get("client_id") != "a:b c" || form.Get("client_secret") != "s:ä&" {
		t.Errorf("post: %q, %v", user, err)
	}
	form, reg.AuthMethod = url.Values{}, authNone
	if _, _, err := c.authenticate(t.Context(), form, "", reg, nil); err != nil || len(form) != 1 || form.Get("client_id") != "a:b c" {
		t.Errorf("none: %v, %v", form, err)
	}
	form, reg.AuthMethod = url.Values{}, authKey
	if _, _, err := c.authenticate(t.Context(), form, "", reg, nil); err == nil || len(form) != 0 {
		t.Errorf("no key: %v, %v", form, err)
	}
	c.Key = key
	if _, _, err := c.authenticate(t.Context(), form, "", reg, nil); err != nil || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") {
		t.Errorf("key: %v, %v", form, err)
	}
	token, err := jwt.Parse(form.Get("client_assertion"), func(*jwt.Token) (any, error) { return ed.Public(), nil }, jwt.WithAudience("https://as.example"), jwt.WithSubject("a:b c"), jwt.WithIssuer("a:b c"))
	if err != nil || token.Header["kid"] != nil {
		t.Errorf("assertion: %v", err)
	}
	// For a name that is not the provider's own it is good there alone.
	reg.FoundAt = "https://evil.example"
	if _, _, err := c.authenticate(t.Context(), form, "https://evil.example/token", reg, nil); err != nil {
		t.Fatal(err)
	}
	token, err = jwt.Parse(form.Get("client_assertion"), func(*jwt.Token) (any, error) { return ed.Public(), nil })
	if audience, _ := token.Claims.GetAudience(); err != nil || len(audience) != 1 || audience[0] != "https://evil.example/token" {
		t.Errorf("the audience at an accepted name is %v, %v", audience, err)
	}
}

// The other way for a secret is tried only where it can be one, and never for a
// client without a secret.
func TestOtherAuthMethods(t *testing.T) {
	for _, tc := range []struct {
		id, secret, method string
		listed             []string
		want               string
	}{
		{"c", "", "none", nil, ""},
		{"c", "s", "none", nil, "client_secret_post client_secret_basic"},
		{"c", "s", "none", []string{"client_secret_post"}, "client_secret_post"},
		{"c", "s", "client_secret_basic", nil, "client_secret_post"},
		{"c", "s", "client_secret_basic", []string{"client_secret_basic", "client_secret_post"}, "client_secret_post"},
		{"c", "s", "client_secret_basic", []string{"client_secret_basic"}, ""},
		{"c", "a+b", "client_secret_basic", []string{"client_secret_basic"}, "client_secret_basic_plain"},
		{"a/b", "s", "client_secret_basic", []string{"client_secret_basic"}, "client_secret_basic_plain"},
		{"a:b", "s", "client_secret_basic", []string{"client_secret_basic"}, ""},
		{"c", "a+b", "client_secret_basic_plain", nil, ""},
		{"c", "s", "client_secret_post", nil, "client_secret_basic"},
		{"c", "s", "client_secret_post", []string{"client_secret_post"}, ""},
		{"c", "a+b", "client_secret_basic", nil, "client_secret_post client_secret_basic_plain"},
		{"c", "s", "private_key_jwt", nil, ""},
	} {
		r := Registration{ClientID: tc.id, ClientSecret: NewSecret(tc.secret), AuthMethod: tc.method}
		if got := strings.Join(r.otherAuthMethods(tc.listed), " "); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}
