package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/dpop"
)

// oidcScopes are the scopes known without a resource, those of Logto.
func oidcScopes() []string {
	return []string{
		"openid", "offline_access", "profile", "email", "phone", "address", "custom_data", "identities", "roles",
		"urn:logto:scope:organizations", "urn:logto:scope:organization_roles", "urn:logto:scope:sessions", "urn:logto:scope:trusted_devices",
	}
}

// metadata is the discovery document (OpenID Connect Discovery 1.0, section 3;
// RFC 8414, section 2). It names what this provider can do, which is less than
// Logto's.
func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) *oauthError {
	p.count(func(s *Stats) { s.Metadata++ })
	grants := []string{grantCode, grantRefresh, grantClient, grantDevice, grantExchange}
	if len(p.cfg.TrustedIssuers) > 0 {
		grants = append(grants, grantAssertion)
	}
	m := map[string]any{
		"issuer":                                           p.issuer,
		"authorization_endpoint":                           p.issuer + "/auth",
		"pushed_authorization_request_endpoint":            p.issuer + "/request",
		"token_endpoint":                                   p.issuer + "/token",
		"device_authorization_endpoint":                    p.issuer + "/device/auth",
		"userinfo_endpoint":                                p.issuer + "/me",
		"jwks_uri":                                         p.issuer + "/jwks",
		"introspection_endpoint":                           p.issuer + "/token/introspection",
		"revocation_endpoint":                              p.issuer + "/token/revocation",
		"end_session_endpoint":                             p.issuer + "/session/end",
		"code_challenge_methods_supported":                 []string{"S256"},
		"grant_types_supported":                            grants,
		"response_modes_supported":                         []string{"query"},
		"response_types_supported":                         []string{"code"},
		"scopes_supported":                                 oidcScopes(),
		"subject_types_supported":                          []string{"public"},
		"token_endpoint_auth_methods_supported":            []string{authBasic, authPost, authKey, authNone},
		"token_endpoint_auth_signing_alg_values_supported": assertionAlgorithms(),
		"id_token_signing_alg_values_supported":            []string{"ES384"},
		"claims_supported":                                 claimsSupported(),
		"claim_types_supported":                            []string{"normal"},
		"claims_parameter_supported":                       false,
		"request_uri_parameter_supported":                  false,
		"authorization_response_iss_parameter_supported":   true,
	}
	p.configured(m)
	changed(m, p.fault().MetadataMembers)
	return writeJSON(w, http.StatusOK, m)
}

// configured adds what only some providers can do.
func (p *Provider) configured(m map[string]any) {
	if p.cfg.Registration {
		m["registration_endpoint"] = p.issuer + "/reg"
	}
	if p.cfg.RequirePushedRequests {
		m["require_pushed_authorization_requests"] = true
	}
	if slices.ContainsFunc(p.cfg.TrustedIssuers, func(t TrustedIssuer) bool { return t.IDJAG }) {
		m["authorization_grant_profiles_supported"] = []string{profileIDJAG}
	}
	if p.issuesIDJAGs() {
		m["identity_chaining_requested_token_types_supported"] = []string{tokenTypeIDJAG}
	}
	if !p.cfg.NoDPoP {
		m["dpop_signing_alg_values_supported"] = dpop.Algorithms()
	}
	if p.cfg.MetadataDocuments {
		m["client_id_metadata_document_supported"] = true
	}
}

// signingKey is an ES384 key (RFC 7518, section 3.4).
type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
}

func newSigningKey() (signingKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return signingKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	return signingKey{id: randomText(32), private: key}, nil
}

// sign makes a JWT of the given type, "" for none.
func (p *Provider) sign(typ string, claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES384, claims)
	t.Header["kid"] = p.key.id
	if delete(t.Header, "typ"); typ != "" {
		t.Header["typ"] = typ
	}
	return t.SignedString(p.key.private)
}

// jwks publishes the key (RFC 7517, section 5).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) *oauthError {
	p.count(func(s *Stats) { s.JWKS++ })
	point, err := p.key.private.PublicKey.Bytes() // uncompressed: 4, then x and y of 48 bytes each
	if err != nil {
		return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "cannot publish the key"}
	}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.Header().Set("Content-Type", "application/jwk-set+json; charset=utf-8")
	return writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "EC", "use": "sig", "alg": "ES384", "crv": "P-384", "kid": p.key.id,
		"x": base64.RawURLEncoding.EncodeToString(point[1:49]), "y": base64.RawURLEncoding.EncodeToString(point[49:]),
	}}})
}
