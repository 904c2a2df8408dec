package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// The proof of RFC 9449, figure 2, with the thumbprint of figure 9.
func TestProofOfTheRFC(t *testing.T) {
	const proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
		".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ" +
		".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	got, err := Verify(proof, Request{Method: http.MethodPost, URL: address(t, "https://server.example.com/token")})
	want := Proof{Thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", ID: "-BwC3ESc6acc2lTc", Issued: time.Unix(1562262616, 0)}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// What a key signs is taken for that request, also after the key was kept; its secret is not printed.
func TestSignedRequest(t *testing.T) {
	made := NewKey()
	key, err := ParseKey(made.Encode())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example/mcp?a=b#c", nil)
	if err := key.Sign(req, "token", "nonce", now); err != nil {
		t.Fatal(err)
	}
	got, err := Verify(req.Header.Get("DPoP"), Request{Method: "POST", URL: address(t, "https://MCP.example:443/mcp"), Token: "token"})
	if err != nil || got.Thumbprint != made.Thumbprint() || got.Nonce != "nonce" || !got.Issued.Equal(now) || req.Header.Get("Authorization") != "DPoP token" {
		t.Errorf("%+v, %v, %s", got, err, req.Header)
	}
	if printed := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); strings.Contains(printed, key.Encode()) || strings.Contains(printed, "secret") {
		t.Errorf("printed: %s", printed)
	}
	for _, bad := range []string{"", "AAAA", strings.Repeat("A", 43), strings.Repeat("_", 43), key.Encode() + "A", "d=" + key.Encode()} {
		if _, err := ParseKey(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// forged is a good proof for POST https://mcp.example/mcp with token, with these changes.
func forged(t testing.TB, key *Key, header, claims map[string]any) string {
	t.Helper()
	proof := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"jti": "1", "htm": "POST", "htu": "https://mcp.example/mcp", "iat": 1_800_000_000, "ath": hashOf("token"),
	})
	proof.Header["typ"], proof.Header["jwk"] = Type, key.public()
	change := func(members, changes map[string]any) {
		maps.Copy(members, changes)
		maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	}
	change(proof.Header, header)
	change(proof.Claims.(jwt.MapClaims), claims)
	signed, err := proof.SignedString(key.secret)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Each number of RFC 9449, section 4.3 that a proof alone can be held to has a proof that breaks it.
func TestRefusedProofs(t *testing.T) {
	key, other := NewKey(), NewKey()
	request := Request{Method: "POST", URL: address(t, "https://mcp.example/mcp"), Token: "token"}
	type changed = map[string]any
	jwk := func(changes changed) changed {
		members := changed{"kty": "EC", "crv": "P-256", "x": key.public().X, "y": key.public().Y}
		maps.Copy(members, changes)
		return changed{"jwk": members}
	}
	for _, good := range []string{forged(t, key, nil, nil), spelled(t, key, `{"typ":"dpop+jwt","alg":"ES256","jwk":%s}`, `{"htm":"POST",%s}`)} {
		if _, err := Verify(good, request); err != nil {
			t.Fatal("the proof that is changed is refused as it is:", err)
		}
	}
	good := strings.Split(forged(t, key, nil, nil), ".")
	for name, proof := range map[string]string{
		"empty": "", "no JWT": "a", "two parts": good[0] + "." + good[1], "no signature": good[0] + "." + good[1] + ".",
		"two proofs":           strings.Join(good, ".") + ", " + strings.Join(good, "."),
		"too long":             forged(t, key, nil, changed{"x": strings.Repeat("a", maxProof)}),
		"a JWT's type":         forged(t, key, changed{"typ": "JWT"}, nil),
		"no type":              forged(t, key, changed{"typ": nil}, nil),
		"unsigned":             unsigned(t, key),
		"signed with a MAC":    withMAC(t, key),
		"extension":            forged(t, key, changed{"crit": []string{"b64"}, "b64": false}, nil),
		"no key":               forged(t, key, changed{"jwk": nil}, nil),
		"key by address":       forged(t, key, changed{"jwk": nil, "jku": "https://evil.example"}, nil),
		"another key":          forged(t, key, changed{"jwk": other.public()}, nil),
		"private key":          forged(t, key, jwk(changed{"d": key.Encode()}), nil),
		"symmetric key":        forged(t, key, changed{"jwk": changed{"kty": "oct", "k": "AAAA"}}, nil),
		"RSA key":              forged(t, key, changed{"jwk": changed{"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, nil),
		"point off the curve":  forged(t, key, jwk(changed{"y": key.public().X}), nil),
		"other spelling":       forged(t, key, jwk(changed{"x": key.public().X + "="}), nil),
		"line break in key":    forged(t, key, jwk(changed{"x": key.public().X[:10] + "\n" + key.public().X[10:]}), nil),
		"another curve":        forged(t, key, jwk(changed{"crv": "P-384"}), nil),
		"no jti":               forged(t, key, nil, changed{"jti": nil}),
		"long jti":             forged(t, key, nil, changed{"jti": strings.Repeat("a", maxIdentifier+1)}),
		"jti is a number":      forged(t, key, nil, changed{"jti": 1}),
		"no iat":               forged(t, key, nil, changed{"iat": nil}),
		"iat is text":          forged(t, key, nil, changed{"iat": "1800000000"}),
		"iat without end":      forged(t, key, nil, changed{"iat": 1e300}),
		"another method":       forged(t, key, nil, changed{"htm": "GET"}),
		"lower case method":    forged(t, key, nil, changed{"htm": "post"}),
		"another path":         forged(t, key, nil, changed{"htu": "https://mcp.example/mcp/"}),
		"another host":         forged(t, key, nil, changed{"htu": "https://mcp.example.evil/mcp"}),
		"another port":         forged(t, key, nil, changed{"htu": "https://mcp.example:8443/mcp"}),
		"http":                 forged(t, key, nil, changed{"htu": "http://mcp.example/mcp"}),
		"user in the URL":      forged(t, key, nil, changed{"htu": "https://mcp.example@mcp.example/mcp"}),
		"no URL":               forged(t, key, nil, changed{"htu": nil}),
		"names in other cases": forged(t, key, nil, changed{"htu": nil, "HTU": "https://mcp.example/mcp", "htm": nil, "Htm": "POST", "jti": nil, "JTI": "1"}),
		"a claim twice":        spelled(t, key, `{"typ":"dpop+jwt","alg":"ES256","jwk":%s}`, `{"htm":"GET","htm":"POST",%s}`),
		"a name in two cases":  spelled(t, key, `{"typ":"dpop+jwt","alg":"ES256","jwk":%s}`, `{"htm":"GET","HTM":"POST",%s}`),
		"a type twice":         spelled(t, key, `{"typ":"JWT","typ":"dpop+jwt","alg":"ES256","jwk":%s}`, `{"htm":"POST",%s}`),
		"a key twice":          spelled(t, key, `{"typ":"dpop+jwt","alg":"ES256","jwk":{},"jwk":%s}`, `{"htm":"POST",%s}`),
		"no ath":               forged(t, key, nil, changed{"ath": nil}),
		"ath of another token": forged(t, key, nil, changed{"ath": hashOf("other")}),
		"ath is the token":     forged(t, key, nil, changed{"ath": "token"}),
	} {
		if got, err := Verify(proof, request); err == nil || got != (Proof{}) || len(proof) > 9 && strings.Contains(err.Error(), proof) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// spelled is a good proof whose header and claims are written like this, with the key and the
// other claims filled in.
func spelled(t testing.TB, key *Key, header, claims string) string {
	t.Helper()
	jwk, err := json.Marshal(key.public())
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(fmt.Appendf(nil, header, jwk)) + "." +
		encode(fmt.Appendf(nil, claims, `"jti":"1","htu":"https://mcp.example/mcp","iat":1800000000,"ath":"`+hashOf("token")+`"`))
	signature, err := jwt.SigningMethodES256.Sign(text, key.secret)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

func unsigned(t testing.TB, key *Key) string {
	t.Helper()
	proof := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"jti": "1", "htm": "POST", "htu": "https://mcp.example/mcp", "iat": 1, "ath": hashOf("token")})
	proof.Header["typ"], proof.Header["jwk"] = Type, key.public()
	signed, err := proof.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func withMAC(t testing.TB, key *Key) string {
	t.Helper()
	proof := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"jti": "1", "htm": "POST", "htu": "https://mcp.example/mcp", "iat": 1, "ath": hashOf("token")})
	proof.Header["typ"], proof.Header["jwk"] = Type, key.public()
	signed, err := proof.SignedString([]byte(key.public().X))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Other spellings of one address, and Ed25519, are taken.
func TestTakenProofs(t *testing.T) {
	key := NewKey()
	request := Request{Method: "POST", URL: address(t, "https://mcp.example/"), Token: "token"}
	for _, htu := range []string{"https://mcp.example", "https://mcp.example/?a=b", "https://mcp.example/#c", "HTTPS://MCP.EXAMPLE:443/"} {
		if _, err := Verify(forged(t, key, nil, map[string]any{"htu": htu}), request); err != nil {
			t.Errorf("%s: %v", htu, err)
		}
	}
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := publicKey{Curve: "Ed25519", Type: "OKP", X: base64.RawURLEncoding.EncodeToString(public)}
	proof := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"jti": "1", "htm": "POST", "htu": "https://mcp.example/", "iat": 1, "ath": hashOf("token")})
	proof.Header["typ"], proof.Header["jwk"] = Type, k
	signed, err := proof.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(signed, request); err != nil || got.Thumbprint != thumbprint(k) {
		t.Errorf("%+v, %v", got, err)
	}
}

// RFC 9449, section 4.3: two spellings of one address are one (RFC 3986, section 6.2.2), and nothing
// else is.
func TestSpellingsOfAnAddress(t *testing.T) {
	key := NewKey()
	for _, tt := range []struct {
		htu, address string
		same         bool
	}{
		{"/%7Euser/mcp", "/~user/mcp", true},
		{"/~user/mcp", "/%7euser/mcp", true},
		{"/caf%c3%a9", "/caf%C3%A9", true},
		{"/café", "/caf%c3%a9", true},
		{"/%6d%63%70", "/mcp", true},
		{"/a%20b", "/a b", true},
		{"/a%2Fb", "/a%2fb", true},
		{"/a%2Fb", "/a/b", false},
		{"/a%20b", "/a+b", false},
		{"/a%2Bb", "/a+b", false},
		{"/a%40b", "/a@b", false},
		{"/a%257Eb", "/a%7Eb", false},
		{"/MCP", "/mcp", false},
		{"/a/../mcp", "/mcp", false},
		{"/%", "/%25", false},
	} {
		request := Request{Method: "POST", URL: address(t, "https://mcp.example"+tt.address), Token: "token"}
		if _, err := Verify(forged(t, key, nil, map[string]any{"htu": "https://mcp.example" + tt.htu}), request); (err == nil) != tt.same {
			t.Errorf("%s for %s: %v", tt.htu, tt.address, err)
		}
	}
}

// An Ed25519 key in a proof that says ES256, and the other way round, is no key for it.
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	elliptic256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{"jti": "1", "htm": "POST", "htu": "https://mcp.example/", "iat": 1}
	for _, c := range []struct {
		method jwt.SigningMethod
		secret any
		shown  publicKey
	}{
		{jwt.SigningMethodEdDSA, secret, ellipticPublic(&elliptic256.PublicKey)},
		{jwt.SigningMethodES256, elliptic256, publicKey{Curve: "Ed25519", Type: "OKP", X: base64.RawURLEncoding.EncodeToString(public)}},
	} {
		proof := jwt.NewWithClaims(c.method, claims)
		proof.Header["typ"], proof.Header["jwk"] = Type, c.shown
		signed, err := proof.SignedString(c.secret)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Verify(signed, Request{Method: "POST", URL: address(t, "https://mcp.example/")}); err == nil {
			t.Errorf("%s: %+v", c.method.Alg(), got)
		}
	}
}

// A nonce is taken for at least two minutes and at most four, by everybody with the secret, and for
// one purpose.
func TestNonces(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	n, replica, other := NewNonces(secret, "https://a.example"), NewNonces(secret, "https://a.example"), NewNonces(secret, "https://b.example")
	for offset := range 4 {
		now := time.Unix(1_800_000_000, 0).Add(time.Duration(offset) * 37 * time.Second)
		nonce := n.Issue(now)
		for after, taken := range map[time.Duration]bool{0: true, 119 * time.Second: true, 4 * time.Minute: false, -4 * time.Minute: false, time.Hour: false} {
			if replica.Taken(nonce, now.Add(after)) != taken {
				t.Errorf("after %s it is taken: %v", after, !taken)
			}
		}
		if other.Taken(nonce, now) || n.Taken("", now) || n.Taken(nonce+"A", now) {
			t.Error("another nonce is taken")
		}
	}
}

// FuzzVerify: whatever a client sends is judged in bounded time, and only what is signed passes. The nonce of
// a proof is the same for whoever reads it alone.
func FuzzVerify(f *testing.F) {
	key := NewKey()
	request := Request{Method: "POST", URL: address(f, "https://mcp.example/mcp"), Token: "token"}
	f.Add(forged(f, key, nil, nil))
	f.Add(forged(f, key, nil, map[string]any{"nonce": "n"}))
	f.Add(unsigned(f, key))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, proof string) {
		got, err := Verify(proof, request)
		if nonce := NonceOf(proof); (err == nil) == (got == Proof{}) || len(got.ID) > maxIdentifier || err == nil && nonce != got.Nonce {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func BenchmarkProof(b *testing.B) {
	key, u := NewKey(), address(b, "https://mcp.example/mcp")
	for b.Loop() {
		if _, err := key.Proof("POST", u, "token", "", time.Unix(1_800_000_000, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	proof := forged(b, NewKey(), nil, nil)
	request := Request{Method: "POST", URL: address(b, "https://mcp.example/mcp"), Token: "token"}
	for b.Loop() {
		if _, err := Verify(proof, request); err != nil {
			b.Fatal(err)
		}
	}
}
