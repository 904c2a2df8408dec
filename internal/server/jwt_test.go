package server

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
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func raw(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// hmacWithPublicKey signs with the issuer's public key as an HMAC secret.
func hmacWithPublicKey(t *testing.T, i *testIssuer, alg jwt.SigningMethod) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.key("k1").Public())
	if err != nil {
		t.Fatal(err)
	}
	tok := jwt.NewWithClaims(alg, jwt.MapClaims{
		"iss": i.url, "sub": "alice", "aud": testResource, "exp": time.Now().Add(time.Hour).Unix(),
	})
	tok.Header["typ"], tok.Header["kid"] = "at+jwt", "k1"
	signed, err := tok.SignedString(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func unsigned(i *testIssuer, alg string) string {
	return raw(`{"alg":"`+alg+`","typ":"at+jwt","kid":"k1"}`) + "." +
		raw(`{"iss":"`+i.url+`","sub":"alice","aud":"`+testResource+`","exp":9999999999}`) + "."
}

// signed signs arbitrary header and payload text with the issuer's key.
func signed(t *testing.T, i *testIssuer, header, payload string) string {
	t.Helper()
	text := raw(header) + "." + raw(payload)
	sig, err := jwt.SigningMethodES256.Sign(text, i.key("k1"))
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

// S7 and the token table: everything that is not an access token of this
// issuer for this server, now, is 401 invalid_token.
func TestS7TokenTable(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	claim := func(name string, v any) string {
		return i.token(t, tokenParts{claims: map[string]any{name: v}})
	}
	header := func(name string, v any) string {
		return i.token(t, tokenParts{header: map[string]any{name: v}})
	}
	good := i.token(t, tokenParts{})
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	stranger := newTestIssuer(t)
	now := time.Now().Unix()
	okHeader := `{"alg":"ES256","typ":"at+jwt","kid":"k1"}`
	okClaims := `"iss":"` + i.url + `","aud":"` + testResource + `","exp":9999999999`

	refused := map[string]string{
		"alg none":                  unsigned(i, "none"),
		"alg None":                  unsigned(i, "None"),
		"alg empty":                 unsigned(i, ""),
		"HS256 with the public key": hmacWithPublicKey(t, i, jwt.SigningMethodHS256),
		"HS512 with the public key": hmacWithPublicKey(t, i, jwt.SigningMethodHS512),
		"no signature":              head + "." + payload + ".",
		"signature of another text": head + "." + raw(`{"iss":"`+i.url+`","sub":"mallory","aud":"`+testResource+`","exp":9999999999}`) + "." + sig,
		"padded signature":          good + "==",
		"stray bits at the end":     nonCanonical(good),
		"key of another issuer":     stranger.token(t, tokenParts{claims: map[string]any{"iss": i.url}}),
		"another issuer":            stranger.token(t, tokenParts{}),
		"issuer with a slash":       claim("iss", i.url+"/"),
		"no issuer":                 claim("iss", nil),
		"issuer in an array":        claim("iss", []string{i.url}),
		"another audience":          claim("aud", "http://127.0.0.1:3001/other"),
		"audience with a slash":     claim("aud", testResource+"/"),
		"audience is the origin":    claim("aud", "http://127.0.0.1:3001"),
		"audience in another case":  claim("aud", strings.ToUpper(testResource)),
		"audience array without us": claim("aud", []string{"a", "b"}),
		"empty audience array":      claim("aud", []string{}),
		"no audience":               claim("aud", nil),
		"audience is a number":      claim("aud", 1),
		"expired":                   claim("exp", now-31),
		"no expiry":                 claim("exp", nil),
		"expiry is text":            claim("exp", "9999999999"),
		"not yet valid":             claim("nbf", now+90),
		"issued in the future":      claim("iat", now+90),
		"no subject":                claim("sub", nil),
		"empty subject":             claim("sub", ""),
		"subject is a number":       claim("sub", 7),
		"no typ":                    header("typ", nil),
		"typ JWT":                   header("typ", "JWT"),
		"typ of a logout token":     header("typ", "logout+jwt"),
		"ID token": i.token(t, tokenParts{
			header: map[string]any{"typ": nil},
			claims: map[string]any{"aud": "app", "nonce": "n"},
		}),
		"critical extension":     header("crit", []string{"exp"}),
		"unknown key":            header("kid", "k2"),
		"key id is a path":       header("kid", "../../dev/null"),
		"key id is SQL":          header("kid", "x' UNION SELECT 'k"),
		"wrong alg for the key":  header("alg", "ES384"),
		"RS256 with an EC key":   header("alg", "RS256"),
		"duplicate audience":     signed(t, i, okHeader, `{"sub":"alice",`+okClaims+`,"aud":"x"}`),
		"duplicate subject":      signed(t, i, okHeader, `{"sub":"alice",`+okClaims+`,"sub":"root"}`),
		"claims in other case":   signed(t, i, okHeader, `{"Sub":"alice",`+okClaims+`}`),
		"claims are an array":    signed(t, i, okHeader, `["sub"]`),
		"claims are null":        signed(t, i, okHeader, `null`),
		"claims not UTF-8":       signed(t, i, okHeader, "{\"sub\":\"\xff\","+okClaims+"}"),
		"claims cut off":         signed(t, i, okHeader, `{"sub":"alice"`),
		"trailing data":          signed(t, i, okHeader, `{"sub":"alice",`+okClaims+`}{}`),
		"duplicate alg":          signed(t, i, `{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"k1"}`, `{"sub":"alice",`+okClaims+`}`),
		"embedded key (jwk)":     signed(t, i, `{"alg":"ES256","typ":"at+jwt","kid":"zz","jwk":{"kty":"oct","k":"AA"}}`, `{"sub":"alice",`+okClaims+`}`),
		"four parts":             good + ".x",
		"two parts":              head + "." + payload,
		"garbage":                "garbage",
		"dots":                   "...",
		"header is not JSON":     raw("hello") + "." + payload + "." + sig,
		"too long":               strings.Repeat("a", maxTokenBytes+1),
		"1 MB of dots":           strings.Repeat(".", 1<<20),
		"long header segment":    strings.Repeat("a", maxHeaderSegment+1) + ".b.c",
		"deeply nested payload":  signed(t, i, okHeader, strings.Repeat("[", 5000)),
		"huge number of members": signed(t, i, okHeader, `{"a":`+strings.Repeat(`[1],"a":`, 500)),
	}
	for name, token := range refused {
		t.Run(name, func(t *testing.T) {
			resp := call(s, "POST", "/mcp", token, callWhoami)
			if resp.StatusCode != http.StatusUnauthorized {
				t.Fatalf("status %d, want 401", resp.StatusCode)
			}
			if got := bearerChallenge(t, resp)["error"]; got != "invalid_token" {
				t.Errorf("challenge error %q", got)
			}
		})
	}

	accepted := map[string]string{
		"plain":                good,
		"audience array":       claim("aud", []string{"other", testResource}),
		"audience of /sse":     claim("aud", "http://127.0.0.1:3001/sse"),
		"application/at+jwt":   header("typ", "application/at+jwt"),
		"typ in another case":  header("typ", "AT+JWT"),
		"expired within skew":  claim("exp", now-25),
		"not before, in skew":  claim("nbf", now+25),
		"issued at, in skew":   claim("iat", now+25),
		"no key id, one key":   header("kid", nil),
		"scope without openid": claim("scope", "mcp:read"),
		"no scope at all":      claim("scope", nil),
		"empty scope":          claim("scope", ""),
		"fractional expiry":    claim("exp", float64(now)+60.5),
	}
	for name, token := range accepted {
		t.Run(name, func(t *testing.T) {
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d, want 200", resp.StatusCode)
			}
		})
	}
	if n := i.keyCalls.Load(); n != 1 {
		t.Errorf("%d visits to the key set, want 1", n)
	}

	before := i.userinfoCalls.Load()
	for _, name := range []string{"too long", "1 MB of dots"} {
		call(s, "POST", "/mcp", refused[name], callWhoami)
	}
	if n := i.userinfoCalls.Load() - before; n != 0 {
		t.Errorf("tokens beyond the limit were shown to userinfo %d times", n)
	}
}

// Every asymmetric algorithm of the list verifies, so the list is not just text.
func TestAcceptedAlgorithms(t *testing.T) {
	i := newTestIssuer(t)
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
	i.keys.Store("rsa", rsaKey)
	i.keys.Store("p384", ec(elliptic.P384()))
	i.keys.Store("p521", ec(elliptic.P521()))
	i.keys.Store("ed", ed)
	kids := map[string]string{"ES256": "k1", "ES384": "p384", "ES512": "p521", "EdDSA": "ed"}
	s := newServer(t, i, nil)
	for _, alg := range asymmetric() {
		kid := kids[alg]
		if kid == "" {
			kid = "rsa"
		}
		tok := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims{
			"iss": i.url, "sub": "alice", "aud": testResource, "exp": time.Now().Add(time.Hour).Unix(),
		})
		tok.Header["typ"], tok.Header["kid"] = "at+jwt", kid
		text, err := tok.SignedString(i.key(kid))
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
func TestAllowUntypedJWT(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, func(c *Config) { c.AllowUntypedJWT = true })
	for _, typ := range []any{nil, "JWT", "jwt", "at+jwt"} {
		token := i.token(t, tokenParts{header: map[string]any{"typ": typ}})
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			t.Errorf("typ %v: %d", typ, resp.StatusCode)
		}
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash"} {
		token := i.token(t, tokenParts{header: map[string]any{"typ": "JWT"}, claims: map[string]any{name: "x"}})
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 401 {
			t.Errorf("with %s: %d", name, resp.StatusCode)
		}
	}
	token := i.token(t, tokenParts{header: map[string]any{"typ": "logout+jwt"}})
	if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 401 {
		t.Errorf("logout token: %d", resp.StatusCode)
	}
}

// What the verifier learns reaches the identity, with numbers as written.
func TestIdentityOfAJWT(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	token := i.token(t, tokenParts{claims: map[string]any{
		"exp": exp.Unix(), "scope": "a b", "updated_at": stdjson.Number("1795384501766"),
		"big": stdjson.Number("12345678901234567890123"),
	}})
	id, err := s.verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "alice" || id.Issuer != i.url || id.ClientID != "app" || !id.Expiry.Equal(exp) ||
		strings.Join(id.Scopes, " ") != "a b" {
		t.Errorf("identity %+v", id)
	}
	if id.Claims["big"] != stdjson.Number("12345678901234567890123") {
		t.Errorf("big number became %v", id.Claims["big"])
	}
	token = i.token(t, tokenParts{claims: map[string]any{
		"client_id": nil, "azp": "other", "scope": nil, "scp": []string{"c"},
	}})
	id, err = s.verify(t.Context(), token)
	if err != nil || id.ClientID != "other" || strings.Join(id.Scopes, " ") != "c" {
		t.Errorf("azp and scp: %+v, %v", id, err)
	}
}

// S8: the built-in verifier sends a JWT to nobody.
func TestS8JWTIsNotPassedOn(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	for _, token := range []string{
		i.token(t, tokenParts{}),
		i.token(t, tokenParts{claims: map[string]any{"aud": "x"}}),
		i.token(t, tokenParts{claims: map[string]any{"iss": "https://elsewhere.example"}}),
	} {
		call(s, "POST", "/mcp", token, callWhoami)
	}
	if n := i.userinfoCalls.Load(); n != 0 {
		t.Errorf("%d calls of userinfo", n)
	}
}

// A token of another issuer costs no visit to the provider.
func TestForeignTokensCostNothing(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	for _, token := range []string{
		i.token(t, tokenParts{claims: map[string]any{"iss": "https://elsewhere.example"}}),
		unsigned(i, "none"), i.token(t, tokenParts{header: map[string]any{"typ": "JWT"}}),
	} {
		if _, err := s.verify(context.Background(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%v", err)
		}
	}
	if n := i.metadataCalls.Load() + i.keyCalls.Load(); n != 0 {
		t.Errorf("%d visits", n)
	}
}
