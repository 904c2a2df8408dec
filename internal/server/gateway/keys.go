package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// keyPeriod is how long assertions are signed by one key.
const keyPeriod = 24 * time.Hour

// signingKey signs the assertions of one period.
type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
	public  publicKey
}

// publicKey is a member of a key set (RFC 7517 section 4, RFC 7518 section 6.2.1).
type publicKey struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// keys are the signing keys, which follow from the secret and the time: who has the
// secret has them, and nobody needs to keep or to exchange any.
type keys struct {
	secret []byte

	mu sync.Mutex
	of map[int64]*signingKey // by period
}

// at returns the key for the time, moved by so many periods.
func (k *keys) at(now time.Time, periods int64) (*signingKey, error) {
	period := now.Unix()/int64(keyPeriod.Seconds()) + periods
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.of[period]; key != nil {
		return key, nil
	}
	key, err := newSigningKey(k.secret, period)
	if err != nil {
		return nil, err
	}
	for old := range k.of {
		if old < period-3 {
			delete(k.of, old)
		}
	}
	k.of[period] = key
	return key, nil
}

// newSigningKey derives the key of a period. Of 2^32 candidates one is no private key of
// P-256, because it is not below the order of the curve; then the next one is taken
// (FIPS 186-5, appendix A.2.2).
func newSigningKey(secret []byte, period int64) (*signingKey, error) {
	for candidate := 0; ; candidate++ {
		scalar, err := derive(secret, fmt.Sprintf("assertions %d %d", period, candidate), 32)
		if err != nil {
			return nil, err
		}
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			if candidate > 8 {
				return nil, fmt.Errorf("derive key: %w", err)
			}
			continue
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		text := base64.RawURLEncoding.EncodeToString
		thumb := sha256.Sum256(point)
		id := strconv.FormatInt(period, 10) + "-" + text(thumb[:9])
		return &signingKey{id, private, publicKey{"EC", "P-256", text(point[1:33]), text(point[33:]), id, "sig", "ES256"}}, nil
	}
}

// KeySet is the key set (RFC 7517) for those who check assertions: the keys of the period
// before, of this one and of the next, so that a set that was kept for hours has the key
// that comes.
func (g *Gateway) KeySet() ([]byte, error) {
	var set struct {
		Keys []publicKey `json:"keys"`
	}
	for _, periods := range []int64{0, 1, -1} {
		key, err := g.keys.at(time.Now(), periods)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, key.public)
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return document, nil
}
