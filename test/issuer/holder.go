package issuer

import (
	"maps"
	"net/url"
	"testing"
	"time"

	"mcp-login/internal/dpop"
)

// Holder is a client with a token that is bound to its key.
type Holder struct {
	Key   *dpop.Key
	Token string
}

// Bind issues a good token with the changes applied, bound to a new key.
func (i *Issuer) Bind(t testing.TB, change Change) Holder {
	t.Helper()
	key := dpop.NewKey()
	claims := map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}}
	maps.Copy(claims, change.Claims)
	return Holder{key, i.Sign(t, Change{Header: change.Header, Claims: claims})}
}

// Proof is one of this moment, for a request with the token.
func (h Holder) Proof(t testing.TB, method, address, nonce string) string {
	t.Helper()
	return h.ProofAt(t, time.Now(), method, address, nonce)
}

// ProofAt is one of another time.
func (h Holder) ProofAt(t testing.TB, at time.Time, method, address, nonce string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := h.Key.Proof(method, u, h.Token, nonce, at)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// Header is what a request with the token and these proofs has.
func (h Holder) Header(proofs ...string) []string {
	header := []string{"Authorization", dpop.Scheme + " " + h.Token}
	for _, proof := range proofs {
		header = append(header, dpop.ProofHeader, proof)
	}
	return header
}
