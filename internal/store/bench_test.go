package store

import (
	"strings"
	"testing"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// The credential of a provider with long tokens, about 12 KB.
func benchCredential() oauth.Credential {
	c := numbered(1)
	c.AccessToken, c.IDToken = grant.NewSecret(strings.Repeat("a", 6<<10)), grant.NewSecret(strings.Repeat("i", 6<<10))
	return c
}

func benchStores(b *testing.B) map[string]*Store {
	return map[string]*Store{
		"sealed": mustOpen(b, Options{Dir: b.TempDir(), Kind: KindKeyring, keyring: newRing()}),
		"file":   mustOpen(b, Options{Dir: b.TempDir(), Kind: KindFile}),
		"memory": mustOpen(b, Options{Kind: KindMemory}),
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, s := range benchStores(b) {
		if err := s.Save(b.Context(), keyFor("a"), benchCredential()); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(b.Context(), keyFor("a")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSave(b *testing.B) {
	cred := benchCredential()
	for name, s := range benchStores(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Save(b.Context(), keyFor("a"), cred); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
