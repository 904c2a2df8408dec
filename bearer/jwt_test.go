package bearer

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/test/issuer"
)

func raw(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// hmacWithPublicKey signs with the issuer's public key as an HMAC secret.
func hmacWithPublicKey(t *testing.T, i *issuer.Issuer, alg jwt.SigningMethod) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.Key("k1").Public())
	if err != nil {
		t.Fatal(err)
	}
	tok := jwt.NewWithClaims(alg, jwt.MapClaims{
		"iss": i.URL, "sub": "alice", "aud": issuer.Resource, "exp": time.Now().Add(time.Hour).Unix(),
	})
	tok.Header["typ"], tok.Header["kid"] = "at+jwt", "k1"
	signed, err := tok.SignedString(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func unsigned(i *issuer.Issuer, alg string) string {
	return raw(`{"alg":"`+alg+`","typ":"at+jwt","kid":"k1"}`) + "." +
		raw(`{"iss":"`+i.URL+`","sub":"alice","aud":"`+issuer.Resource+`","exp":9999999999}`) + "."
}

// signed signs arbitrary header and payload text with the issuer's key.
func signed(t *testing.T, i *issuer.Issuer, header, payload string) string {
	t.Helper()
	text := raw(header) + "." + raw(payload)
	sig, err := jwt.SigningMethodES256.Sign(text, i.Key("k1"))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// nonCanonical changes a bit at the end of the signature that base64 does not
// use, so that another text means the same bytes.
func nonCanonical(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

// Every asymmetric algorithm of the list verifies, so the list is not just text.
func TestAcceptedAlgorithms(t *testing.T) {
	i := issuer.Start(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.Keys.Store("rsa", rsaKey)
	i.Keys.Store("p384", ec(elliptic.P384()))
	i.Keys.Store("p521", ec(elliptic.P521()))
	i.Keys.Store("ed", ed)
	kids := map[string]string{"ES256": "k1", "ES384": "p384", "ES512": "p521", "EdDSA": "ed"}
	s := newServer(t, i, nil)
	for _, alg := range asymmetric() {
		kid := kids[alg]
		if kid == "" {
			kid = "rsa"
		}
		tok := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims{
			"iss": i.URL, "sub": "alice", "aud": issuer.Resource, "exp": time.Now().Add(time.Hour).Unix(),
		})
		tok.Header["typ"], tok.Header["kid"] = "at+jwt", kid
		text, err := tok.SignedString(i.Key(kid))
		if err != nil {
			t.Fatal(err)
		}
		if resp := call(s, "POST", "/mcp", text, callWhoami); resp.StatusCode != 200 {
			t.Errorf("%s: %d", alg, resp.StatusCode)
		}
	}
}

// The switch for providers without at+jwt accepts untyped access tokens and
// still no ID token, not even one whose audience is this server.
func TestAllowUntypedJWTAcceptsNoIDToken(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.AllowUntypedJWT = true })
	for _, typ := range []any{nil, "JWT", "jwt", "at+jwt"} {
		token := i.Sign(t, issuer.Change{Header: map[string]any{"typ": typ}})
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			t.Errorf("typ %v: %d", typ, resp.StatusCode)
		}
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash"} {
		token := i.Sign(t, issuer.Change{Header: map[string]any{"typ": "JWT"}, Claims: map[string]any{name: "x"}})
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 401 {
			t.Errorf("with %s: %d", name, resp.StatusCode)
		}
	}
	token := i.Sign(t, issuer.Change{Header: map[string]any{"typ": "logout+jwt"}})
	if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 401 {
		t.Errorf("logout token: %d", resp.StatusCode)
	}
}

// What the verifier learns reaches the identity, with numbers as written.
func TestIdentityOfAJWT(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	token := i.Sign(t, issuer.Change{Claims: map[string]any{
		"exp": exp.Unix(), "scope": "a b", "updated_at": stdjson.Number("1795384501766"),
		"big": stdjson.Number("12345678901234567890123"),
	}})
	id, err := s.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "alice" || id.Issuer != i.URL || id.ClientID != "app" || !id.Expiry.Equal(exp) ||
		strings.Join(id.Scopes, " ") != "a b" {
		t.Errorf("identity %+v", id)
	}
	if id.Claims["big"] != stdjson.Number("12345678901234567890123") {
		t.Errorf("big number became %v", id.Claims["big"])
	}
}

// The built-in verifier sends a JWT to nobody.
func TestJWTIsNotPassedOn(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	for _, token := range []string{
		i.Sign(t, issuer.Change{}),
		i.Sign(t, issuer.Change{Claims: map[string]any{"aud": "x"}}),
		i.Sign(t, issuer.Change{Claims: map[string]any{"iss": "https://elsewhere.example"}}),
	} {
		call(s, "POST", "/mcp", token, callWhoami)
	}
	if n := i.UserinfoCalls.Load(); n != 0 {
		t.Errorf("%d calls of userinfo", n)
	}
}

// A token of another issuer costs no visit to the provider.
func TestForeignTokensCostNothing(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	for _, token := range []string{
		i.Sign(t, issuer.Change{Claims: map[string]any{"iss": "https://elsewhere.example"}}),
		unsigned(i, "none"), i.Sign(t, issuer.Change{Header: map[string]any{"typ": "JWT"}}),
	} {
		if _, err := s.Verify(context.Background(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%v", err)
		}
	}
	if n := i.MetadataCalls.Load() + i.KeyCalls.Load(); n != 0 {
		t.Errorf("%d visits", n)
	}
}
