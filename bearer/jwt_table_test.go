package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/test/issuer"
)

// issuedBefore makes a token older than any key set: a young one with a key that
// is not known yet may be good, see TestKeyNewerThanTheKeySet.
var issuedBefore = map[string]any{"iat": time.Now().Unix() - 60}

func oldWithKey(t *testing.T, i *issuer.Issuer, kid string) string {
	t.Helper()
	return i.Sign(t, issuer.Change{Header: map[string]any{"kid": kid}, Claims: issuedBefore})
}

// Everything that is not an access token of
// this issuer for this server, now, is 401 invalid_token.
func TestOnlyAccessTokensForThisServerPass(t *testing.T) {
	i := issuer.Start(t)
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
				if got := issuer.Challenge(t, resp)["error"]; got != "invalid_token" {
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
	if n := i.KeyCalls.Load(); n != 1 {
		t.Errorf("%d visits to the key set, want 1", n)
	}
}

// forgedTokens were not signed by the issuer.
func forgedTokens(t *testing.T, i *issuer.Issuer) map[string]string {
	t.Helper()
	good := i.Sign(t, issuer.Change{})
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	stranger := issuer.Start(t)
	return map[string]string{
		"alg none":                  unsigned(i, "none"),
		"alg None":                  unsigned(i, "None"),
		"alg empty":                 unsigned(i, ""),
		"HS256 with the public key": hmacWithPublicKey(t, i, jwt.SigningMethodHS256),
		"HS512 with the public key": hmacWithPublicKey(t, i, jwt.SigningMethodHS512),
		"no signature":              head + "." + payload + ".",
		"signature of another text": head + "." + raw(`{"iss":"`+i.URL+`","sub":"mallory","aud":"`+issuer.Resource+`","exp":9999999999}`) + "." + sig,
		"padded signature":          good + "==",
		"stray bits at the end":     nonCanonical(good),
		"key of another issuer":     stranger.Sign(t, issuer.Change{Claims: map[string]any{"iss": i.URL}}),
		"another issuer":            stranger.Sign(t, issuer.Change{}),
	}
}

// wrongClaims are signed but for another server, time or nobody.
func wrongClaims(t *testing.T, i *issuer.Issuer) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	all := map[string]string{
		"issuer with a slash":    i.Claim(t, "iss", i.URL+"/"),
		"no issuer":              i.Claim(t, "iss", nil),
		"issuer in an array":     i.Claim(t, "iss", []string{i.URL}),
		"expired":                i.Claim(t, "exp", now-31),
		"no expiry":              i.Claim(t, "exp", nil),
		"expiry is text":         i.Claim(t, "exp", "9999999999"),
		"not yet valid":          i.Claim(t, "nbf", now+90),
		"issued in the future":   i.Claim(t, "iat", now+90),
		"no subject":             i.Claim(t, "sub", nil),
		"empty subject":          i.Claim(t, "sub", ""),
		"subject is a number":    i.Claim(t, "sub", 7),
		"bound to a key":         i.Claim(t, "cnf", map[string]any{"jkt": "x"}),
		"bound to a certificate": i.Claim(t, "cnf", map[string]any{"x5t#S256": "x"}),
	}
	// Incident Python SDK CVE-2026-116684 and jwt-go CVE-2020-26160: a token that is
	// good in everything but for whom it is meant, in whatever form aud comes.
	for _, aud := range []any{
		nil, "", "https://elsewhere.example/mcp", issuer.Resource + "/", issuer.Resource + "/x", "http://127.0.0.1:3001",
		"http://127.0.0.1:3001/other", strings.ToUpper(issuer.Resource), strings.TrimSuffix(issuer.Resource, "p"),
		"http://127.0.0.1:3001/mcp?x", "HTTP://127.0.0.1:3001/mcp", "app", issuer.Resource + " ", " " + issuer.Resource,
		issuer.Resource + ",https://elsewhere.example/mcp", issuer.Resource + "\x00", 1, true,
		[]string{},
		[]string{""},
		[]string{"https://elsewhere.example/mcp", "app"},
		[]any{nil},
		[]any{issuer.Resource, 1},
		[]any{[]string{issuer.Resource}},
		map[string]any{"0": issuer.Resource},
		map[string]any{issuer.Resource: true},
	} {
		all[fmt.Sprintf("audience %#v", aud)] = i.Claim(t, "aud", aud)
	}
	return all
}

// wrongHeaders are signed but are not what they should be.
func wrongHeaders(t *testing.T, i *issuer.Issuer) map[string]string {
	t.Helper()
	return map[string]string{
		"no typ":                i.Header(t, "typ", nil),
		"typ JWT":               i.Header(t, "typ", "JWT"),
		"typ of a logout token": i.Header(t, "typ", "logout+jwt"),
		"ID token": i.Sign(t, issuer.Change{
			Header: map[string]any{"typ": nil},
			Claims: map[string]any{"aud": "app", "nonce": "n"},
		}),
		"critical extension":    i.Header(t, "crit", []string{"exp"}),
		"unknown key":           oldWithKey(t, i, "k2"),
		"key id is a path":      oldWithKey(t, i, "../../../../../dev/null"),
		"key id is a file URL":  oldWithKey(t, i, "file:///dev/null"),
		"key id is an address":  oldWithKey(t, i, i.URL+"/jwks?kid=k1"),
		"key id is a pipe":      oldWithKey(t, i, "|/bin/true"),
		"key id has a NUL":      oldWithKey(t, i, "k1\x00"),
		"key id is SQL":         oldWithKey(t, i, "x' UNION SELECT 'k"),
		"wrong alg for the key": i.Header(t, "alg", "ES384"),
		"RS256 with an EC key":  i.Header(t, "alg", "RS256"),
	}
}

// brokenTokens are signed but ambiguous, or no tokens at all.
func brokenTokens(t *testing.T, i *issuer.Issuer) map[string]string {
	t.Helper()
	good := i.Sign(t, issuer.Change{})
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	const okHeader = `{"alg":"ES256","typ":"at+jwt","kid":"k1"}`
	okClaims := `"iss":"` + i.URL + `","aud":"` + issuer.Resource + `","exp":9999999999`
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
func goodTokens(t *testing.T, i *issuer.Issuer) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	return map[string]string{
		"plain":                i.Sign(t, issuer.Change{}),
		"audience array":       i.Claim(t, "aud", []string{"other", issuer.Resource}),
		"audience of /sse":     i.Claim(t, "aud", "http://127.0.0.1:3001/sse"),
		"application/at+jwt":   i.Header(t, "typ", "application/at+jwt"),
		"typ in another case":  i.Header(t, "typ", "AT+JWT"),
		"expired within skew":  i.Claim(t, "exp", now-15),
		"not before, in skew":  i.Claim(t, "nbf", now+25),
		"issued at, in skew":   i.Claim(t, "iat", now+25),
		"no key id, one key":   i.Header(t, "kid", nil),
		"scope without openid": i.Claim(t, "scope", "mcp:read"),
		"no scope at all":      i.Claim(t, "scope", nil),
		"empty scope":          i.Claim(t, "scope", ""),
		"fractional expiry":    i.Claim(t, "exp", float64(now)+60.5),
	}
}
