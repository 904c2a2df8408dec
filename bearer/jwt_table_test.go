package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claim issues a good token but for one claim, and header one but for one
// member of its header; nil leaves it out.
func (i *testIssuer) claim(t *testing.T, name string, v any) string {
	t.Helper()
	return i.token(t, tokenParts{claims: map[string]any{name: v}})
}

func (i *testIssuer) header(t *testing.T, name string, v any) string {
	t.Helper()
	return i.token(t, tokenParts{header: map[string]any{name: v}})
}

// issuedBefore makes a token older than any key set: a young one with a key that
// is not known yet may be good, see TestKeyNewerThanTheKeySet.
var issuedBefore = map[string]any{"iat": time.Now().Unix() - 60}

func (i *testIssuer) oldWithKey(t *testing.T, kid string) string {
	t.Helper()
	return i.token(t, tokenParts{header: map[string]any{"kid": kid}, claims: issuedBefore})
}

// Everything that is not an access token of
// this issuer for this server, now, is 401 invalid_token.
func TestOnlyAccessTokensForThisServerPass(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	bad := 0
	for _, table := range []map[string]string{
		forgedTokens(t, i), wrongClaims(t, i), wrongHeaders(t, i), brokenTokens(t, i),
	} {
		bad += len(table)
		for name, token := range table {
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
	}
	t.Logf("%d bad tokens, each 401 invalid_token; %d good ones", bad, len(goodTokens(t, i)))
	for name, token := range goodTokens(t, i) {
		t.Run(name, func(t *testing.T) {
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d, want 200", resp.StatusCode)
			}
		})
	}
	if n := i.keyCalls.Load(); n != 1 {
		t.Errorf("%d visits to the key set, want 1", n)
	}
}

// forgedTokens were not signed by the issuer.
func forgedTokens(t *testing.T, i *testIssuer) map[string]string {
	t.Helper()
	good := i.token(t, tokenParts{})
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	stranger := newTestIssuer(t)
	return map[string]string{
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
	}
}

// wrongClaims are signed but for another server, time or nobody.
func wrongClaims(t *testing.T, i *testIssuer) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	all := map[string]string{
		"issuer with a slash":    i.claim(t, "iss", i.url+"/"),
		"no issuer":              i.claim(t, "iss", nil),
		"issuer in an array":     i.claim(t, "iss", []string{i.url}),
		"expired":                i.claim(t, "exp", now-31),
		"no expiry":              i.claim(t, "exp", nil),
		"expiry is text":         i.claim(t, "exp", "9999999999"),
		"not yet valid":          i.claim(t, "nbf", now+90),
		"issued in the future":   i.claim(t, "iat", now+90),
		"no subject":             i.claim(t, "sub", nil),
		"empty subject":          i.claim(t, "sub", ""),
		"subject is a number":    i.claim(t, "sub", 7),
		"bound to a key":         i.claim(t, "cnf", map[string]any{"jkt": "x"}),
		"bound to a certificate": i.claim(t, "cnf", map[string]any{"x5t#S256": "x"}),
	}
	// Incident Python SDK CVE-2026-116684 and jwt-go CVE-2020-26160: a token that is
	// good in everything but for whom it is meant, in whatever form aud comes.
	for _, aud := range []any{
		nil, "", "https://elsewhere.example/mcp", testResource + "/", testResource + "/x", "http://127.0.0.1:3001",
		"http://127.0.0.1:3001/other", strings.ToUpper(testResource), strings.TrimSuffix(testResource, "p"),
		"http://127.0.0.1:3001/mcp?x", "HTTP://127.0.0.1:3001/mcp", "app", testResource + " ", " " + testResource,
		testResource + ",https://elsewhere.example/mcp", testResource + "\x00", 1, true,
		[]string{},
		[]string{""},
		[]string{"https://elsewhere.example/mcp", "app"},
		[]any{nil},
		[]any{testResource, 1},
		[]any{[]string{testResource}},
		map[string]any{"0": testResource},
		map[string]any{testResource: true},
	} {
		all[fmt.Sprintf("audience %#v", aud)] = i.claim(t, "aud", aud)
	}
	return all
}

// wrongHeaders are signed but are not what they should be.
func wrongHeaders(t *testing.T, i *testIssuer) map[string]string {
	t.Helper()
	return map[string]string{
		"no typ":                i.header(t, "typ", nil),
		"typ JWT":               i.header(t, "typ", "JWT"),
		"typ of a logout token": i.header(t, "typ", "logout+jwt"),
		"ID token": i.token(t, tokenParts{
			header: map[string]any{"typ": nil},
			claims: map[string]any{"aud": "app", "nonce": "n"},
		}),
		"critical extension":    i.header(t, "crit", []string{"exp"}),
		"unknown key":           i.oldWithKey(t, "k2"),
		"key id is a path":      i.oldWithKey(t, "../../../../../dev/null"),
		"key id is a file URL":  i.oldWithKey(t, "file:///dev/null"),
		"key id is an address":  i.oldWithKey(t, i.url+"/jwks?kid=k1"),
		"key id is a pipe":      i.oldWithKey(t, "|/bin/true"),
		"key id has a NUL":      i.oldWithKey(t, "k1\x00"),
		"key id is SQL":         i.oldWithKey(t, "x' UNION SELECT 'k"),
		"wrong alg for the key": i.header(t, "alg", "ES384"),
		"RS256 with an EC key":  i.header(t, "alg", "RS256"),
	}
}

// brokenTokens are signed but ambiguous, or no tokens at all.
func brokenTokens(t *testing.T, i *testIssuer) map[string]string {
	t.Helper()
	good := i.token(t, tokenParts{})
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	const okHeader = `{"alg":"ES256","typ":"at+jwt","kid":"k1"}`
	okClaims := `"iss":"` + i.url + `","aud":"` + testResource + `","exp":9999999999`
	return map[string]string{
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
}

// goodTokens must get in.
func goodTokens(t *testing.T, i *testIssuer) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	return map[string]string{
		"plain":                i.token(t, tokenParts{}),
		"audience array":       i.claim(t, "aud", []string{"other", testResource}),
		"audience of /sse":     i.claim(t, "aud", "http://127.0.0.1:3001/sse"),
		"application/at+jwt":   i.header(t, "typ", "application/at+jwt"),
		"typ in another case":  i.header(t, "typ", "AT+JWT"),
		"expired within skew":  i.claim(t, "exp", now-15),
		"not before, in skew":  i.claim(t, "nbf", now+25),
		"issued at, in skew":   i.claim(t, "iat", now+25),
		"no key id, one key":   i.header(t, "kid", nil),
		"scope without openid": i.claim(t, "scope", "mcp:read"),
		"no scope at all":      i.claim(t, "scope", nil),
		"empty scope":          i.claim(t, "scope", ""),
		"fractional expiry":    i.claim(t, "exp", float64(now)+60.5),
	}
}
