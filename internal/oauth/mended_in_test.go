package oauth

import (
	"crypto/ed25519"
	"net/url"
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

func TestResourceWithUser(t *testing.T) {
	server := &url.URL{Scheme: "https", Host: "mcp.example", Path: "/mcp"}
	for _, r := range []string{"https://user:pw@mcp.example/mcp", "https://mcp.example/mcp#"} {
		if (ResourceMetadata{Resource: r, AuthorizationServers: []string{"x"}}).checkFor(server) == nil {
			t.Errorf("%q was taken", r)
		}
	}
}
