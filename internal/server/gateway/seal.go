package gateway

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// Transport is what a sealed id is for: one of the other transport is none.
type Transport string

// The transports of MCP.
const (
	StreamableHTTP Transport = "streamable"
	HTTPWithSSE    Transport = "sse"
)

const (
	// LeastSecret is how many bytes a secret must have at least.
	LeastSecret = 32
	// maxSealed bounds what is sealed: an id of a session, or an address.
	maxSealed = 2 << 10
	// maxReplica is how much of that may be the name of a replica, behind an address.
	maxReplica = 64
)

// derive returns a key of the secret for one purpose (RFC 5869).
func derive(secret []byte, purpose string, size int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "mcp-login gateway "+purpose, size)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return key, nil
}

// sealer seals ids. It is safe for concurrent use.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (sealer, error) {
	key, err := derive(secret, "sessions", chacha20poly1305.KeySize)
	if err != nil {
		return sealer{}, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return sealer{}, fmt.Errorf("seal: %w", err)
	}
	return sealer{aead}, nil
}

// Nonce makes an id unique. Its text also names the session to those who count sessions.
type Nonce [chacha20poly1305.NonceSizeX]byte

// NewNonce returns one that never was there: 192 random bits.
func NewNonce() (n Nonce) {
	_, _ = rand.Read(n[:]) // never fails (package crypto/rand)
	return n
}

// String is the nonce as text.
func (n Nonce) String() string { return base64.RawURLEncoding.EncodeToString(n[:]) }

func bound(t Transport, owner string) []byte { return []byte(string(t) + " " + owner) }

// Seal returns what stands for value, for owner alone: letters, digits, - and _.
func (g *Gateway) Seal(n Nonce, t Transport, owner, value string) string {
	sealed := g.seal.aead.Seal(n[:], n[:], []byte(value), bound(t, owner))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns what was sealed for owner; false for all else.
func (g *Gateway) Open(t Transport, owner, id string) (n Nonce, value string, ok bool) {
	if len(id) > base64.RawURLEncoding.EncodedLen(len(n)+maxSealed+chacha20poly1305.Overhead) {
		return n, "", false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(sealed) < len(n) {
		return n, "", false
	}
	copy(n[:], sealed)
	plain, err := g.seal.aead.Open(nil, n[:], sealed[len(n):], bound(t, owner))
	return n, string(plain), err == nil
}
