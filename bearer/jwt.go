package bearer

import (
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// maxHeaderSegment bounds what is decoded before anything is known of a token.
const maxHeaderSegment = 4 << 10

// jwtHeader is the JOSE header (RFC 7515 section 4).
type jwtHeader struct {
	Algorithm string         `json:"alg"`
	Type      string         `json:"typ"`
	KeyID     *string        `json:"kid"`
	Critical  jsontext.Value `json:"crit"`
}

// parseJWTHeader reports whether token looks like a JWT: three parts, of which
// the first is a JSON object in base64url. Nothing is verified.
func parseJWTHeader(token string) (jwtHeader, bool) {
	first, rest, ok := strings.Cut(token, ".")
	if !ok || strings.Count(rest, ".") != 1 || len(first) > maxHeaderSegment {
		return jwtHeader{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return jwtHeader{}, false
	}
	var h jwtHeader
	if err := json.Unmarshal(raw, &h); err != nil {
		return jwtHeader{}, false
	}
	return h, true
}

// jwtVerifier verifies access tokens in JWT form (RFC 9068 section 4) of one
// issuer.
type jwtVerifier struct {
	provider     *provider
	algorithms   []string
	parser       *jwt.Parser
	allowUntyped bool
	audience     string // that clients ask for, to say what was expected
	slots        chan struct{}
}

// newSignatureSlots bounds the signatures that are verified at the same time,
// for all issuers of a server together. Verifying one takes the CPU a thousand
// times as long as finding a known token, and anyone can send forged ones: half
// of the CPUs stay free for those who are known.
func newSignatureSlots() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// asymmetric returns the accepted signature algorithms (RFC 7518, RFC 8037).
// With HMAC the provider's public key would do as a secret, and "none" is no
// signature; neither is in the list and the key never decides.
func asymmetric() []string {
	return []string{
		"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA",
	}
}

func newJWTVerifier(p *provider, cfg *Config, audiences []string, slots chan struct{}) *jwtVerifier {
	algorithms := asymmetric()
	if len(cfg.Algorithms) > 0 {
		algorithms = cfg.Algorithms
	}
	return &jwtVerifier{
		provider: p, algorithms: algorithms, allowUntyped: cfg.AllowUntypedJWT, slots: slots, audience: audiences[0],
		parser: jwt.NewParser(
			jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(),
			jwt.WithIssuer(p.issuer), jwt.WithAudience(audiences...),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(cfg.leeway()),
		),
	}
}

// verify decides about a token whose header and claims have been read. All that
// can be told without a key comes first, so that garbage costs no visit to the
// provider.
func (v *jwtVerifier) verify(ctx context.Context, token string, header jwtHeader, unverified accessClaims) (Identity, error) {
	switch {
	case !slices.Contains(v.algorithms, header.Algorithm):
		return Identity{}, invalidTokenError("algorithm not accepted")
	case header.Critical != nil:
		// RFC 7515 section 4.1.11: an extension that is not understood.
		return Identity{}, invalidTokenError("critical header not understood")
	case !isAccessTokenType(header.Type) && (!v.allowUntyped || !isUntyped(header.Type)):
		return Identity{}, invalidTokenError("not an access token (typ)")
	}
	claims, err := v.parse(ctx, token, header.KeyID, unverified.issuedAt())
	if err != nil {
		return Identity{}, err
	}
	if !isAccessTokenType(header.Type) && claims.isIDToken() {
		return Identity{}, invalidTokenError("an ID token")
	}
	return v.identity(claims)
}

// parse verifies signature and claims.
func (v *jwtVerifier) parse(ctx context.Context, token string, kid *string, iat time.Time) (accessClaims, error) {
	arrival := time.Now()
	set, err := v.provider.keysFor(ctx, kid, arrival, iat)
	if err != nil {
		return accessClaims{}, err
	}
	claims, err := v.parseWith(ctx, token, set)
	if kid != nil || !set.anonymous || !errors.Is(err, errSignature) {
		return claims, err
	}
	// Nothing but its signature can tell that a token without kid is of a key
	// not seen before.
	known := set.version
	if set, err = v.provider.newerKeys(ctx, known); err != nil {
		return accessClaims{}, err
	}
	err = errSignature
	if set.version != known {
		claims, err = v.parseWith(ctx, token, set)
	}
	if errors.Is(err, errSignature) {
		err = v.provider.noKey(set, arrival, iat)
	}
	return claims, err
}

func (v *jwtVerifier) parseWith(ctx context.Context, token string, set keySet) (accessClaims, error) {
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return accessClaims{}, busy("too many signatures to verify")
	}
	var claims accessClaims
	_, err := v.parser.ParseWithClaims(token, &claims, set.find)
	if errors.Is(err, jwt.ErrTokenRequiredClaimMissing) {
		return accessClaims{}, claims.missing()
	}
	if errors.Is(err, jwt.ErrTokenInvalidAudience) {
		return accessClaims{}, otherAudience(v.audience)
	}
	if err != nil {
		return accessClaims{}, invalidTokenFor(err)
	}
	return claims, nil
}

// isAccessTokenType implements RFC 9068 section 4, which keeps every other kind
// of JWT out, above all ID tokens.
func isAccessTokenType(typ string) bool {
	typ = strings.ToLower(typ)
	return typ == "at+jwt" || typ == "application/at+jwt"
}

// isUntyped reports a typ that does not say what the JWT is for.
func isUntyped(typ string) bool {
	typ = strings.ToLower(typ)
	return typ == "" || typ == "jwt" || typ == "application/jwt"
}

func (v *jwtVerifier) identity(claims accessClaims) (Identity, error) {
	sub, err := claims.GetSubject()
	if err != nil || sub == "" {
		return Identity{}, missingClaim("sub")
	}
	expiry, err := claims.GetExpirationTime()
	if err != nil || expiry == nil {
		return Identity{}, missingClaim("exp")
	}
	return Identity{
		Subject: sub, Issuer: v.provider.issuer, ClientID: claims.clientID(),
		Scopes: claims.scopes(), Expiry: expiry.Time, Claims: claims.MapClaims,
	}, nil
}

// Errors that other code tests for. The first three may go away with time or a new key.
const (
	errNotYet     = invalidTokenError("not valid yet")
	errFuture     = invalidTokenError("issued in the future")
	errUnknownKey = invalidTokenError("unknown signing key")
	errSignature  = invalidTokenError("wrong signature")
)

// otherAudience says for whom a token should have been.
func otherAudience(expected string) invalidTokenError {
	return invalidTokenError("another audience than " + expected)
}

// invalidTokenFor turns the parser's error into a fixed text for the log: the
// original may quote parts of the token.
func invalidTokenFor(err error) error {
	for _, known := range []struct {
		err    error
		reason invalidTokenError
	}{
		{jwt.ErrTokenExpired, "expired"},
		{jwt.ErrTokenNotValidYet, errNotYet},
		{jwt.ErrTokenUsedBeforeIssued, errFuture},
		{jwt.ErrTokenInvalidIssuer, "another issuer"},
		{jwt.ErrTokenInvalidClaims, "claims not accepted"},
		{jwt.ErrTokenSignatureInvalid, errSignature},
		{jwt.ErrTokenUnverifiable, "no key fits"},
		{jwt.ErrTokenMalformed, "malformed"},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return invalidTokenError("not accepted")
}

// accessClaims decodes like [decodeClaims] wherever the parser would use
// encoding/json.
type accessClaims struct{ jwt.MapClaims }

// missing says which of the claims that the parser requires is not there.
func (c accessClaims) missing() invalidTokenError {
	for _, name := range []string{"exp", "iss", "aud"} {
		if value := c.MapClaims[name]; value == nil || value == "" {
			return missingClaim(name)
		}
	}
	return "a required claim is missing or empty"
}

// missingClaim is the error for a token without a claim; name is one of our own words.
func missingClaim(name string) invalidTokenError {
	return invalidTokenError("a required claim is missing: " + name)
}

// UnmarshalJSON implements the interface the parser looks for.
func (c *accessClaims) UnmarshalJSON(raw []byte) error {
	m, err := decodeClaims(raw)
	c.MapClaims = m
	return err
}

// decodeClaims decodes a claims object with exact-case names and duplicate
// names refused at every depth, and keeps numbers as they are written, for
// they are shown to the caller.
func decodeClaims(raw []byte) (map[string]any, error) {
	var claims map[string]any
	err := json.Unmarshal(raw, &claims, json.WithUnmarshalers(
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
			if dec.PeekKind() != '0' {
				return errors.ErrUnsupported
			}
			number, err := dec.ReadValue()
			*v = stdjson.Number(number)
			return err
		})))
	if err == nil && claims == nil {
		err = errors.New("not an object")
	}
	return claims, err
}

// readClaims decodes the claims of a token in JWT form without verifying
// anything.
func readClaims(token string) (accessClaims, error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return accessClaims{}, fmt.Errorf("decode claims: %w", err)
	}
	claims, err := decodeClaims(raw)
	return accessClaims{claims}, err
}

// issuedAt is the iat claim; zero when there is none.
func (c accessClaims) issuedAt() time.Time {
	iat, _ := seconds(c.MapClaims["iat"])
	return iat
}

// isIDToken reports claims that only an ID token has (OpenID Connect Core
// section 2). It is the second line of defence where typ cannot tell.
func (c accessClaims) isIDToken() bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash"} {
		if _, ok := c.MapClaims[name]; ok {
			return true
		}
	}
	return false
}

// clientID is client_id of RFC 9068, or azp of providers that predate it.
func (c accessClaims) clientID() string {
	for _, name := range []string{"client_id", "azp"} {
		if id, ok := c.MapClaims[name].(string); ok && id != "" {
			return id
		}
	}
	return ""
}

// scopes reads scope (RFC 8693 section 4.2), scp or scopes, as a string or a list. A
// JWT without either has no scopes, which is known, so the result is not nil.
func (c accessClaims) scopes() []string {
	all := []string{}
	for _, name := range []string{"scope", "scp", "scopes"} {
		if s, ok := c.MapClaims[name].(string); ok {
			all = append(all, strings.Fields(s)...)
			continue
		}
		all = append(all, oneOrMany(c.MapClaims[name])...)
	}
	return all
}
