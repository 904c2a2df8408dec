package devidp

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// grantAssertion is the grant of an assertion (RFC 7523, section 2.1).
const grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// assertionTTL is how far ahead an assertion may expire (RFC 7523, section 3,
// number 4, leaves the figure to the provider).
const assertionTTL = time.Hour

// TrustedIssuer signs assertions that are taken here (RFC 7523): a platform those of its
// workloads, a company's provider those of its people.
type TrustedIssuer struct {
	Issuer string
	// Keys sign them; those of another devidp are [Provider.Keys].
	Keys []Key
	// IDJAG makes it a company's provider. Its assertions are of that type, are for one
	// client and one resource, and about somebody who may be a user here. Those of others
	// are of no type of their own.
	IDJAG bool
	// Reusable takes an assertion until it ends, however long that is: a workload reads its
	// own from a file, perhaps twice. Otherwise each must have an ID, an end within an
	// hour, and is good once.
	Reusable bool
}

// Workload is what a platform calls a client that proves who it is by the platform's
// assertions.
type Workload struct{ Issuer, Subject string }

// assertion is what is read of one that was found good.
type assertion struct {
	jwt.RegisteredClaims
	// Confirmation names the key whose possession the sender must prove (RFC 7800, section 3.1).
	Confirmation map[string]any `json:"cnf"`
	// Of an ID-JAG alone.
	ClientID string           `json:"client_id"`
	Resource jwt.ClaimStrings `json:"resource"`
	Scope    string           `json:"scope"`
}

// trusted finds an issuer.
func (p *Provider) trusted(issuer string) (TrustedIssuer, bool) {
	i := slices.IndexFunc(p.cfg.TrustedIssuers, func(t TrustedIssuer) bool { return t.Issuer == issuer })
	if issuer == "" || i < 0 {
		return TrustedIssuer{}, false
	}
	return p.cfg.TrustedIssuers[i], true
}

// asserted verifies the assertion of a client: signed with one of its keys, or with one
// of its platform's, and about it.
func (p *Provider) asserted(client Client, text, endpoint string) bool {
	by := TrustedIssuer{Issuer: client.ID, Keys: client.Keys}
	if client.Workload.Issuer != "" {
		by, _ = p.trusted(client.Workload.Issuer)
	}
	a, err := by.verify(text, p.issuer, p.issuer+"/", p.issuer+"/token", endpoint)
	return err == nil && !by.IDJAG && a.Confirmation == nil && a.Subject == client.assertedAs() && p.firstTime(by, a)
}

// assertedAs is the subject of its assertions.
func (c Client) assertedAs() string {
	return cmp.Or(c.Workload.Subject, c.ID)
}

// verify checks what an assertion says alone (RFC 7523, section 3): who signed it, that it is
// for one of the audiences, and that it has not ended.
func (t TrustedIssuer) verify(text string, audiences ...string) (assertion, error) {
	var a assertion
	token, err := jwt.ParseWithClaims(text, &a, t.verificationKeys,
		jwt.WithValidMethods(assertionAlgorithms()), jwt.WithExpirationRequired(), jwt.WithIssuer(t.Issuer))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return a, errors.New("the assertion has expired")
	case err != nil || t.Issuer == "":
		return a, errors.New("the assertion is not signed by its issuer, or its times are wrong")
	case (token.Header["typ"] == typeIDJAG) != t.IDJAG:
		return a, errors.New("the assertion is of another type")
	case a.Subject == "":
		return a, errors.New("the assertion is about nobody")
	case !slices.ContainsFunc(a.Audience, func(aud string) bool { return slices.Contains(audiences, aud) }):
		return a, errors.New("the assertion is for another audience")
	}
	return a, nil
}

// firstTime reports whether an assertion may be taken for the first time, and takes it.
func (p *Provider) firstTime(by TrustedIssuer, a assertion) bool {
	if by.Reusable {
		return true
	}
	return a.ID != "" && time.Until(a.ExpiresAt.Time) <= assertionTTL && p.once(p.assertions, a.Issuer, a.ID, a.ExpiresAt.Time)
}

// once reports whether nobody has come with this before, and remembers it in a table until
// then; in a full one nothing can be remembered, and it reports false. of keeps apart what
// may have the same ID.
func (p *Provider) once(table map[string]expiry, of, id string, until time.Time) bool {
	sum := sha256.Sum256([]byte(of + "\x00" + id)) // of a length a stranger does not choose
	key, now := string(sum[:]), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(table) >= maxEntries {
		maps.DeleteFunc(table, func(_ string, e expiry) bool { return e.ended(now) })
	}
	if used, known := table[key]; known && !used.ended(now) || len(table) >= maxEntries {
		return false
	}
	table[key] = expiry{until}
	return true
}

// assertionGrant makes an access token of an assertion (RFC 7523, section 2.1), for one
// resource. There is never a refresh token: whoever had one assertion gets another.
func (p *Provider) assertionGrant(req tokenRequest) (map[string]any, *oauthError) {
	text := req.form.Get("assertion")
	if text == "" {
		return nil, missing("assertion")
	}
	var unverified jwt.RegisteredClaims
	_, _, _ = jwt.NewParser().ParseUnverified(text, &unverified) // one without an issuer is nobody's
	by, known := p.trusted(unverified.Issuer)
	if !known {
		return nil, badRequest("invalid_grant", "nobody whom this provider trusts has issued the assertion")
	}
	a, err := by.verify(text, p.issuer, p.issuer+"/")
	user, person := p.cfg.subject(a.Subject)
	switch {
	case err != nil:
		return nil, badRequest("invalid_grant", err.Error())
	case by.IDJAG && a.ClientID != req.client.ID:
		return nil, badRequest("invalid_grant", "the assertion is for another client")
	case person && !by.IDJAG:
		return nil, badRequest("invalid_grant", "the assertion is about a person, for whom its issuer does not speak")
	case a.Confirmation != nil && a.Confirmation["jkt"] != req.key:
		return nil, badRequest("invalid_grant", "the assertion is bound to a key whose possession is not proved")
	}
	resource, refusal := p.assertedResource(by, a, req.form["resource"])
	switch {
	case refusal != nil:
		return nil, refusal
	case !p.firstTime(by, a):
		return nil, badRequest("invalid_grant", "the assertion was used before, or cannot be known again")
	}
	if !person {
		user = User{Subject: a.Subject}
	}
	scopes := strings.Fields(req.form.Get("scope"))
	if given := strings.Fields(a.Scope); by.IDJAG && len(scopes) == 0 {
		scopes = given
	} else if by.IDJAG {
		scopes = only(scopes, given)
	}
	scopes = slices.DeleteFunc(user.granted(scopes), func(s string) bool { return s == "openid" }) // there is no login
	g := &grant{request: request{client: req.client, resources: []string{resource}, scopes: scopes}, user: user}
	answer, refusal := p.issue(g, scopes, req.key, resource, "")
	if refusal == nil && answer["scope"] == "" {
		delete(answer, "scope")
	}
	return answer, refusal
}

// assertedResource is the one resource that a token for an assertion is for. An ID-JAG
// names it; what the request names must be in it (RFC 8707, section 2.2).
func (p *Provider) assertedResource(by TrustedIssuer, a assertion, asked []string) (string, *oauthError) {
	if by.IDJAG && len(asked) == 0 {
		asked = a.Resource
	}
	if len(asked) != 1 || by.IDJAG && !slices.Contains(a.Resource, asked[0]) {
		return "", invalidTarget()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.resources[asked[0]]; !known {
		return "", invalidTarget()
	}
	return asked[0], nil
}

// assertionAlgorithms signs assertions here; each takes one kind of key.
func assertionAlgorithms() []string { return []string{"ES256", "RS256", "EdDSA", "ES384"} }

// Key is a public key of a client or an issuer.
type Key struct {
	// ID is compared with the kid of assertions that have one; "" fits any.
	ID string
	// Public is an *ecdsa.PublicKey on P-256 (ES256) or P-384 (ES384), an *rsa.PublicKey
	// (RS256) or an ed25519.PublicKey (EdDSA). Others never verify anything.
	Public crypto.PublicKey
}

// Keys are the public keys of this provider, for the [TrustedIssuer] of another.
func (p *Provider) Keys() []Key { return []Key{{ID: p.key.id, Public: p.key.private.Public()}} }

// ParseKeys reads the public keys of a JSON Web Key Set (RFC 7517, section 5)
// of moderate size. It fails when there is none, or one that cannot be read.
func ParseKeys(jwks []byte) ([]Key, error) {
	if len(jwks) > maxRegister {
		return nil, errors.New("read a key set: it is too large")
	}
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("read a key set: %w", err)
	}
	list, err := set.JWKSlice()
	if err != nil {
		return nil, fmt.Errorf("read a key set: %w", err)
	}
	var keys []Key
	for _, jwk := range list {
		if keyAlgorithm(jwk.Key()) != "" {
			keys = append(keys, Key{ID: jwk.Marshal().KID, Public: jwk.Key()})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read a key set: it has no public key of a kind used here")
	}
	return keys, nil
}

// keyAlgorithm names the algorithm of a key, "" for one that has none here.
func keyAlgorithm(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return "ES256"
		case elliptic.P384():
			return "ES384"
		}
	case *rsa.PublicKey:
		return "RS256"
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// verificationKeys are the keys that fit the header.
func (t TrustedIssuer) verificationKeys(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, key := range t.Keys {
		if (kid == "" || key.ID == "" || key.ID == kid) && keyAlgorithm(key.Public) == token.Method.Alg() {
			set.Keys = append(set.Keys, key.Public)
		}
	}
	return set, nil
}
