package server

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeysBytes = 512 << 10
	// maxKeys bounds the work for a token that names no key, for which each
	// key is tried.
	maxKeys = 32
	// keysMaxAge is when a withdrawn key stops being accepted, at the latest
	// at the request after it.
	keysMaxAge = 10 * time.Minute
	// keysMinInterval is the least time between two visits to the provider
	// because of tokens that name an unknown key: anyone can make such tokens.
	keysMinInterval = time.Minute
	minRSABits      = 2048
)

// keySet is the issuer's published signing keys (RFC 7517).
type keySet struct {
	ids  map[string]bool
	keys keyfunc.Keyfunc
}

// fetchKeys reads the issuer's key set. A key this server cannot use is left
// out, because a provider may publish more kinds than it signs with.
func (p *provider) fetchKeys(ctx context.Context) (keySet, error) {
	set, err := p.readKeys(ctx)
	if err != nil {
		p.log.Warn("signing keys could not be read", "issuer", p.issuer, "error", err)
	}
	return set, err
}

func (p *provider) readKeys(ctx context.Context) (keySet, error) {
	meta, _, err := p.metadata.get(ctx)
	if err != nil {
		return keySet{}, err
	}
	if meta.JWKSURI == "" {
		return keySet{}, errors.New("issuer metadata has no jwks_uri")
	}
	body, err := p.readOK(ctx, meta.JWKSURI, maxKeysBytes)
	if err != nil {
		return keySet{}, fmt.Errorf("%s: %w", meta.JWKSURI, err)
	}
	return parseKeys(ctx, body)
}

func parseKeys(ctx context.Context, body []byte) (keySet, error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return keySet{}, fmt.Errorf("decode key set: %w", err)
	}
	set := keySet{ids: make(map[string]bool)}
	storage := jwkset.NewMemoryStorage()
	count := 0
	for _, raw := range doc.Keys {
		key, err := parseKey(raw)
		if err != nil {
			continue
		}
		if count++; count > maxKeys {
			return keySet{}, fmt.Errorf("key set has more than %d keys", maxKeys)
		}
		if err := storage.KeyWrite(ctx, key); err != nil {
			return keySet{}, fmt.Errorf("keep key: %w", err)
		}
		set.ids[key.Marshal().KID] = true
	}
	if count == 0 {
		return keySet{}, errors.New("key set has no usable signing key")
	}
	keys, err := keyfunc.New(keyfunc.Options{Storage: storage})
	if err != nil {
		return keySet{}, fmt.Errorf("use key set: %w", err)
	}
	set.keys = keys
	return set, nil
}

// parseKey accepts a public signing key. Symmetric keys are left out even if
// published: no algorithm that could use one is accepted.
func parseKey(raw jsontext.Value) (jwkset.JWK, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return jwkset.JWK{}, fmt.Errorf("decode key: %w", err)
	}
	if m.KTY == jwkset.KtyOct || m.USE == jwkset.UseEnc {
		return jwkset.JWK{}, errors.New("not a public signing key")
	}
	key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, fmt.Errorf("read key: %w", err)
	}
	if k, ok := key.Key().(*rsa.PublicKey); ok && k.N.BitLen() < minRSABits {
		return jwkset.JWK{}, fmt.Errorf("RSA key has fewer than %d bits", minRSABits)
	}
	return key, nil
}

// keysFor returns the function that finds the key of a token whose header names
// kid; nil means that it names none. A kid not seen before causes one visit to
// the provider, shared and not more often than keysMinInterval, so that a new
// key is known soon after the provider starts to use it.
func (p *provider) keysFor(ctx context.Context, kid *string) (jwt.Keyfunc, error) {
	set, version, err := p.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	if kid != nil && !set.ids[*kid] {
		set, _, err = p.keys.newer(ctx, version)
		if err != nil {
			return nil, err
		}
		if !set.ids[*kid] {
			return nil, refusal("unknown signing key")
		}
	}
	return set.keys.KeyfuncCtx(ctx), nil
}
