package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"mcp-login/bearer"
)

const (
	// assertionLife is how long an assertion is good, and assertionUse how long it is sent:
	// whoever gets one has the rest of its life to look at it.
	assertionLife = 60 * time.Second
	assertionUse  = 30 * time.Second
	// maxAssertions bounds how many are kept, and maxAssertion the bytes of what one says.
	maxAssertions = 4096
	maxAssertion  = 4 << 10
)

// profileClaims are told in an assertion beside the claims of the identity headers.
var profileClaims = []string{"email", "email_verified", "name", "username", "preferred_username"}

// assertions signs who calls (RFC 7519), and reuses what it has signed: a signature takes
// longer than all else that is done for a request.
type assertions struct {
	issuer, audience string
	claims           []string
	keys             *keys
	kept             *lru.Cache[[sha256.Size]byte, assertion]
}

type assertion struct {
	text string
	used time.Time // until when
}

func newAssertions(cfg *Config, k *keys) (*assertions, error) {
	kept, err := lru.New[[sha256.Size]byte, assertion](maxAssertions)
	if err != nil {
		return nil, fmt.Errorf("assertions: %w", err)
	}
	claims := profileClaims
	for _, header := range cfg.Identity {
		claims = append(claims, header.Claim)
	}
	return &assertions{cfg.Resource, cfg.Upstream.String(), claims, k, kept}, nil
}

// sign returns an assertion about the caller. Its audience is the upstream alone, and it
// never outlives the token.
func (a *assertions) sign(id bearer.Identity, now time.Time) (string, error) {
	kept := a.keyOf(id)
	if old, ok := a.kept.Get(kept); ok && now.Before(old.used) {
		return old.text, nil
	}
	said := jwt.MapClaims{
		"iss": a.issuer, "aud": a.audience, "sub": id.Subject,
		// RFC 9493 section 3.2.5: whose subject it is.
		"sub_id": map[string]string{"format": "iss_sub", "iss": id.Issuer, "sub": id.Subject},
	}
	if id.ClientID != "" {
		said["client_id"] = id.ClientID
	}
	if len(id.Scopes) > 0 {
		said["scope"] = strings.Join(id.Scopes, " ")
	}
	for _, name := range a.claims {
		if value, ok := claimOf(id, name); ok && said[name] == nil {
			said[name] = value
		}
	}
	if what, err := json.Marshal(said); err != nil || len(what) > maxAssertion {
		return "", fmt.Errorf("%w: the claims are too long", errClaim)
	}
	end, use := now.Add(assertionLife), now.Add(assertionUse)
	if !id.Expiry.IsZero() && id.Expiry.Before(end) {
		end = id.Expiry
		use = now.Add(end.Sub(now) / 2)
	}
	return a.signNew(said, kept, now, end, use)
}

// keyOf is what the assertion about a caller is kept under: all that it says, and the
// expiry, as a renewed token has another one.
func (a *assertions) keyOf(id bearer.Identity) [sha256.Size]byte {
	var usual [1024]byte
	all := strconv.AppendInt(usual[:0], id.Expiry.Unix(), 10)
	for _, text := range []string{id.Issuer, id.Subject, id.ClientID, strings.Join(id.Scopes, " ")} {
		all = appendPart(all, 't', text)
	}
	for _, name := range a.claims {
		claim, ok := claimOf(id, name)
		if text, isText := claim.(string); isText {
			all = appendPart(all, 't', text)
		} else if ok {
			text, _ := json.Marshal(claim, json.Deterministic(true)) // it came as JSON
			all = appendPart(all, 'j', string(text))
		} else {
			all = append(all, '-')
		}
	}
	return sha256.Sum256(all)
}

// appendPart writes a part so that it cannot be taken for two.
func appendPart(to []byte, kind byte, text string) []byte {
	return append(binary.BigEndian.AppendUint64(append(to, kind), uint64(len(text))), text...)
}

func (a *assertions) signNew(said jwt.MapClaims, kept [sha256.Size]byte, now, end, use time.Time) (string, error) {
	key, err := a.keys.at(now, 0)
	if err != nil {
		return "", err
	}
	said = maps.Clone(said)
	said["iat"], said["exp"], said["jti"] = now.Unix(), end.Unix(), NewNonce().String()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, said)
	token.Header["kid"] = key.id
	text, err := token.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	a.kept.Add(kept, assertion{text, use})
	return text, nil
}
