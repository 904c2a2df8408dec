package interop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"mcp-login/test/binary"
)

// whoami-server signs in at oidc-provider's introspection endpoint by private_key_jwt, with
// a JWK that has a kid and with PEM without one: mcp-login's opaque token is good, a made-up
// one is bad. With a key that the provider does not know there is no verdict.
func TestPrivateKeyJWTAtOIDCProvider(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	edJWK := map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": text(ed.Public().(ed25519.PublicKey))}
	ecJWK := map[string]string{"kty": "EC", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:])}
	client := func(id string, key any) map[string]any {
		return map[string]any{
			"client_id": id, "token_endpoint_auth_method": "private_key_jwt", "jwks": map[string]any{"keys": []any{key}},
			"redirect_uris": []string{}, "response_types": []string{}, "grant_types": []string{"client_credentials"},
		}
	}
	clients, err := json.Marshal([]any{client("by-jwk", edJWK), client("by-pem", ecJWK)})
	if err != nil {
		t.Fatal(err)
	}
	issuer := oidcProvider(t, "OPAQUE=1", "CLIENT_ID=native", "CLIENTS="+string(clients))

	edJWK["d"] = text(ed.Seed())
	jwk, err := json.Marshal(edJWK)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, tt := range []struct {
		client string
		key    []byte
		madeUp int
	}{
		{"by-jwk", jwk, http.StatusUnauthorized}, {"by-pem", keyPEM, http.StatusUnauthorized}, {"by-jwk", keyPEM, http.StatusServiceUnavailable},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, tt.key, 0o600); err != nil {
			t.Fatal(err)
		}
		base := whoami(t, issuer, "--introspection-client", tt.client, "--introspection-key-file", file)
		if got := statusOf(t, base+"/mcp", "made-up"); got != tt.madeUp {
			t.Errorf("%s, made up: %d, want %d", tt.client, got, tt.madeUp)
		}
		if tt.madeUp != http.StatusUnauthorized {
			continue
		}
		s := open(t, oidcEnv(t), binary.Build(t, "mcp-login"), "--client-id", "native", base+"/mcp")
		if claims := s.whoami(); claims["sub"] != "alice" || claims["aud"] != base+"/mcp" || claims["active"] != true {
			t.Errorf("%s: %v", tt.client, claims)
		}
		s.end()
	}
}

func statusOf(t *testing.T, endpoint, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
