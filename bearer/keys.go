package bearer

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/foreign"
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
	// keysClockSkew is how much later than its iat a token may have been
	// issued: clocks differ, and iat has whole seconds.
	keysClockSkew = 2 * time.Second
	minRSABits    = 2048
	// maxRSABits bounds the time that one signature takes.
	maxRSABits = 16384
)

// keySet is the issuer's published signing keys (RFC 7517). Its algorithms are
// the issuer's: those its keys name, or where a key names none, those that fit
// its kind.
type keySet struct {
	ids       map[string]bool
	anonymous bool // some key has no id, so tokens may name none
	all       []jwkset.JWK
	asked     time.Time // before the provider was asked for it
	version   int       // of the remote copy
}

// fetchKeys reads the issuer's key set. A key this server cannot use is left
// out, because a provider may publish more kinds than it signs with.
func (p *provider) fetchKeys(ctx context.Context) (keySet, error) {
	meta, _, err := p.metadata.get(ctx)
	if err != nil {
		return keySet{}, err // has been reported
	}
	set, err := p.readKeys(ctx, meta)
	p.keyOutage.Report(err)
	return set, err
}

func (p *provider) readKeys(ctx context.Context, meta metadata) (keySet, error) {
	if meta.JWKSURI == "" {
		return keySet{}, errors.New("issuer metadata has no jwks_uri")
	}
	asked := time.Now()
	body, err := p.readOK(ctx, meta.JWKSURI, maxKeysBytes)
	if err != nil {
		return keySet{}, fmt.Errorf("%s: %w", foreign.ShortAddress(meta.JWKSURI), err)
	}
	set, err := parseKeys(body)
	set.asked = asked
	return set, err
}

func parseKeys(body []byte) (keySet, error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return keySet{}, fmt.Errorf("decode key set: %w", err)
	}
	set := keySet{ids: make(map[string]bool)}
	for _, raw := range doc.Keys {
		key, err := parseKey(raw)
		if err != nil {
			continue
		}
		if set.all = append(set.all, key); len(set.all) > maxKeys {
			return keySet{}, fmt.Errorf("key set has more than %d keys", maxKeys)
		}
		if id := key.Marshal().KID; id != "" {
			set.ids[id] = true
		} else {
			set.anonymous = true
		}
	}
	if len(set.all) == 0 {
		return keySet{}, errors.New("key set has no usable signing key")
	}
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
	if k, ok := key.Key().(*rsa.PublicKey); ok && (k.N.BitLen() < minRSABits || k.N.BitLen() > maxRSABits) {
		return jwkset.JWK{}, fmt.Errorf("RSA key has not %d to %d bits", minRSABits, maxRSABits)
	}
	return key, nil
}

// keysFor returns the key set for a token that names kid, nil if it names none,
// came in at arrival, and says that it was issued at iat, zero if it does not. A
// kid not seen before causes one visit to the provider, shared and not more
// often than keysMinInterval, so that a new key is known soon after the provider
// starts to use it.
func (p *provider) keysFor(ctx context.Context, kid *string, arrival, iat time.Time) (keySet, error) {
	set, version, err := p.keys.get(ctx)
	if err != nil {
		return keySet{}, err
	}
	set.version = version
	if kid == nil || set.ids[*kid] {
		return set, nil
	}
	if set, err = p.newerKeys(ctx, version); err != nil {
		return keySet{}, err
	}
	if !set.ids[*kid] {
		return keySet{}, p.noKey(set, arrival, iat)
	}
	return set, nil
}

// newerKeys returns a key set newer than version if there is one, see
// [remote.newer].
func (p *provider) newerKeys(ctx context.Context, version int) (keySet, error) {
	set, version, err := p.keys.newer(ctx, version)
	set.version = version
	return set, err
}

// noKey is the error for a token whose key is not in set, the newest there is.
// If the set was asked for after the token came in, or after it was issued, then
// the token is bad. Else it may well be good, signed with a key for which the
// provider may not be asked so soon again, and must not be called bad.
func (p *provider) noKey(set keySet, arrival, iat time.Time) error {
	if set.asked.Before(arrival) && set.asked.Before(iat.Add(keysClockSkew)) {
		return &unavailable{"the signing key may be newer than the keys known here", p.keys.wait()}
	}
	return errUnknownKey
}

// find returns the keys that may have made a token's signature: those that its
// algorithm fits, of the id that it names, or of any if it names none.
func (s keySet) find(token *jwt.Token) (any, error) {
	kid, named := token.Header["kid"]
	var fitting jwt.VerificationKeySet
	for _, key := range s.all {
		m := key.Marshal()
		if (!named || m.KID == kid) && (m.ALG == "" || m.ALG.String() == token.Method.Alg()) {
			fitting.Keys = append(fitting.Keys, key.Key())
		}
	}
	return fitting, nil
}
