package devidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// credentials are how a client says and proves who it is (RFC 6749, section
// 2.3; RFC 7523, section 2.2). At most one of secret and assertion is set.
type credentials struct {
	id, secret, assertion string
	basic                 bool // the secret came in the Authorization header
}

// authenticate reads the form and identifies the client (RFC 6749, section
// 2.3). Unlike the RFC, and like Logto, an unknown client is a 400, and a
// secret is taken in the header and in the form whichever was registered.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request) (Client, url.Values, *oauthError) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		return Client{}, nil, badRequest("invalid_request", "the form cannot be read")
	}
	form := r.PostForm
	if name := repeated(form); name != "" {
		return Client{}, nil, twice(name)
	}
	given, refusal := clientCredentials(r, form)
	if refusal != nil {
		return Client{}, nil, refusal
	}
	client, refusal := p.client(r.Context(), given.id, false)
	if refusal != nil {
		return Client{}, nil, refusal
	}
	if p.proven(client, given, p.base.Scheme+"://"+p.base.Host+r.URL.Path) {
		return client, form, nil
	}
	if given.basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+p.issuer+`", error="invalid_client", error_description="client authentication failed"`)
	}
	return Client{}, nil, authenticationFailed()
}

func authenticationFailed() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "client authentication failed"}
}

// proven reports whether the credentials are of the client's kind and right.
func (p *Provider) proven(client Client, given credentials, endpoint string) bool {
	switch client.AuthMethod {
	case authNone:
		return given.secret == "" && given.assertion == ""
	case authKey:
		return given.assertion != "" && p.asserted(client, given.assertion, endpoint)
	}
	return client.Secret != "" && subtle.ConstantTimeCompare([]byte(given.secret), []byte(client.Secret)) == 1
}

// clientCredentials are in the Authorization header, form-encoded, or in the
// form as a secret or an assertion, never in two places.
func clientCredentials(r *http.Request, form url.Values) (credentials, *oauthError) {
	given := credentials{id: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	user, password, basic := r.BasicAuth()
	switch {
	case given.assertion != "" && (given.secret != "" || basic), given.secret != "" && basic:
		return given, badRequest("invalid_request", "client authentication must only be provided using one mechanism")
	case basic:
		return given.fromHeader(user, password)
	case given.assertion != "":
		return given.fromAssertion(form.Get("client_assertion_type"))
	case given.id == "":
		return given, badRequest("invalid_request", "no client authentication mechanism provided")
	}
	return given, nil
}

// fromHeader reads what Basic brought (RFC 6749, section 2.3.1).
func (c credentials) fromHeader(user, password string) (credentials, *oauthError) {
	id, err := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	switch {
	case err != nil || err2 != nil:
		return c, badRequest("invalid_request", "client_id and client_secret in the authorization header are not properly encoded")
	case c.id != "" && c.id != id:
		return c, badRequest("invalid_request", "mismatch in body and authorization client ids")
	case secret == "":
		return c, badRequest("invalid_request", "client_secret must be provided in the Authorization header")
	}
	return credentials{id: id, secret: secret, basic: true}, nil
}

// assertionType is the only one (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionTTL is how far ahead an assertion may expire (RFC 7523, section 3,
// number 4, leaves the figure to the provider).
const assertionTTL = time.Hour

// assertionAlgorithms signs assertions here; each takes one kind of key.
func assertionAlgorithms() []string { return []string{"ES256", "RS256", "EdDSA"} }

// Key is a public key of a client.
type Key struct {
	// ID is compared with the kid of assertions that have one; "" fits any.
	ID string
	// Public is an *ecdsa.PublicKey on P-256 (ES256), an *rsa.PublicKey
	// (RS256) or an ed25519.PublicKey (EdDSA). Others never verify anything.
	Public crypto.PublicKey
}

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
		if key.Curve == elliptic.P256() {
			return "ES256"
		}
	case *rsa.PublicKey:
		return "RS256"
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// fromAssertion reads who the client says it is; nothing is verified yet.
func (c credentials) fromAssertion(kind string) (credentials, *oauthError) {
	claims := jwt.RegisteredClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(c.assertion, &claims)
	switch {
	case err != nil:
		return c, badRequest("invalid_request", "invalid client_assertion format")
	case claims.Subject == "":
		return c, authenticationFailed()
	case kind == "":
		return c, badRequest("invalid_request", "client_assertion_type must be provided")
	case kind != assertionType:
		return c, badRequest("invalid_request", "client_assertion_type must have value "+assertionType)
	case c.id != "" && c.id != claims.Subject:
		return c, badRequest("invalid_request", "client_id mismatch")
	}
	c.id = claims.Subject
	return c, nil
}

// asserted verifies an assertion (RFC 7523, section 3): signed with a key of
// the client, issued by it and about it, meant for this provider, with an end
// that is near, and not seen before.
func (p *Provider) asserted(client Client, assertion, endpoint string) bool {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(assertion, &claims, client.verificationKeys,
		jwt.WithValidMethods(assertionAlgorithms()), jwt.WithExpirationRequired(), jwt.WithIssuer(client.ID), jwt.WithSubject(client.ID))
	if err != nil || claims.ID == "" || time.Until(claims.ExpiresAt.Time) > assertionTTL {
		return false
	}
	accepted := []string{p.issuer, p.issuer + "/token", endpoint}
	if !slices.ContainsFunc(claims.Audience, func(aud string) bool { return slices.Contains(accepted, aud) }) {
		return false
	}
	return p.once("assertion of "+client.ID, claims.ID, claims.ExpiresAt.Time)
}

// once reports whether nobody has come with this before, and remembers it until then. of
// keeps apart what may have the same ID.
func (p *Provider) once(of, id string, until time.Time) bool {
	sum := sha256.Sum256([]byte(of + "\x00" + id)) // of a length a stranger does not choose
	key := string(sum[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if used, known := p.spent[key]; known && !used.ended(time.Now()) {
		return false
	}
	makeRoom(p.spent, maxEntries)
	p.spent[key] = expiry{until}
	return true
}

// verificationKeys are the client's keys that fit the header.
func (c Client) verificationKeys(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, key := range c.Keys {
		if (kid == "" || key.ID == "" || key.ID == kid) && keyAlgorithm(key.Public) == t.Method.Alg() {
			set.Keys = append(set.Keys, key.Public)
		}
	}
	return set, nil
}
