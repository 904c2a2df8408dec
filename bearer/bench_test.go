package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/test/issuer"
)

// es384 makes a token as Logto does.
func es384(tb testing.TB, i *issuer.Issuer, jti string) string {
	tb.Helper()
	if _, ok := i.Keys.Load("p384"); !ok {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		i.Keys.Store("p384", crypto.Signer(key))
	}
	tok := jwt.NewWithClaims(jwt.SigningMethodES384, jwt.MapClaims{
		"iss": i.URL, "sub": "alice", "aud": issuer.Resource, "client_id": "app", "jti": jti, "scope": "mcp:read",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	tok.Header["typ"], tok.Header["kid"] = "at+jwt", "p384"
	text, err := tok.SignedString(i.Key("p384"))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// A known token costs no memory to verify, and its signature is not verified
// again: ES384, a thousand uses, one verification.
func TestVerifiedFromCacheAllocatesNothing(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	checks := counted(s)
	token := es384(t, i, "one")
	allocations := testing.AllocsPerRun(1000, func() {
		if id, err := s.Verify(t.Context(), token); err != nil || id.Subject != "alice" {
			t.Fatal(err)
		}
	})
	t.Logf("1001 uses of an ES384 token: %d verification, %.1f allocations each", checks.Load(), allocations)
	if allocations != 0 || checks.Load() != 1 {
		t.Errorf("%.1f allocations, %d verifications", allocations, checks.Load())
	}
}

func BenchmarkVerifyFromCache(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, nil)
	token := es384(b, i, "one")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyFromCacheParallel(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, nil)
	var tokens []string
	for k := range 32 {
		tokens = append(tokens, es384(b, i, fmt.Sprint(k)))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for k := 0; pb.Next(); k++ {
			if _, err := s.Verify(b.Context(), tokens[k%len(tokens)]); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkVerifyES384 is what the cache saves.
func BenchmarkVerifyES384(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, func(c *Config) { c.CacheTTL = -1 })
	token := es384(b, i, "one")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMiddleware is a request with a known token, without the network.
func BenchmarkMiddleware(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, nil)
	token := es384(b, i, "one")
	b.ReportAllocs()
	for b.Loop() {
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			b.Fatal(resp.StatusCode)
		}
	}
}

func BenchmarkReadMessage(b *testing.B) {
	body := []byte(callWhoami)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadMessage(plain, body); err != nil {
			b.Fatal(err)
		}
	}
}
