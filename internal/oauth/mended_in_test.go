package oauth

import (
	"crypto/ed25519"
	"testing"
)

// RFC 8037 section 2: the public point of an Ed25519 JWK must belong to d.
func TestEd25519PointMustFit(t *testing.T) {
	_, one, _ := ed25519.GenerateKey(nil)
	_, two, _ := ed25519.GenerateKey(nil)
	if _, err := ParseClientKey(asJWK(t, without(edMembers(one, "k"), "x", edMembers(two, "k")["x"]))); err == nil {
		t.Error("another point was taken")
	}
	if _, err := ParseClientKey(asJWK(t, without(edMembers(one, "k"), "x", ""))); err == nil {
		t.Error("no point was taken")
	}
}
