package discovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// ServerMetadata is the part of authorization server metadata (RFC 8414,
// section 2, and OpenID Connect Discovery 1.0, section 3) that a client acts
// on.
type ServerMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitzero"`
	TokenEndpoint         string   `json:"token_endpoint,omitzero"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitzero"`
	RevocationEndpoint    string   `json:"revocation_endpoint,omitzero"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint,omitzero"`
	EndSessionEndpoint    string   `json:"end_session_endpoint,omitzero"`
	PushedEndpoint        string   `json:"pushed_authorization_request_endpoint,omitzero"`
	RequirePushed         bool     `json:"require_pushed_authorization_requests,omitzero"`
	ScopesSupported       []string `json:"scopes_supported,omitempty"`
	GrantTypesSupported   []string `json:"grant_types_supported,omitempty"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported,omitempty"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	DPoPAlgorithms        []string `json:"dpop_signing_alg_values_supported,omitempty"`
	IssParameterSupported bool     `json:"authorization_response_iss_parameter_supported,omitzero"`
	ClientIDMetadata      bool     `json:"client_id_metadata_document_supported,omitzero"`
	// CertificateBound and Aliases are about clients that show a certificate (RFC 8705,
	// sections 3.3 and 5); an alias stands under the name of the endpoint.
	CertificateBound bool              `json:"tls_client_certificate_bound_access_tokens,omitzero"`
	Aliases          map[string]string `json:"mtls_endpoint_aliases,omitempty"`
	// CertificateWanted tells that the resource wants tokens that are bound to the certificate
	// of the client. No document of the server sets it: that the server could bind them is no
	// reason, as other resources behind it may take no such tokens.
	CertificateWanted bool `json:"certificate_wanted,omitzero"`
	// FoundAt is what the metadata was requested as, where that is not Issuer and a
	// person has accepted that it calls itself so; else "". No document sets it.
	FoundAt string           `json:"found_at,omitzero"`
	assumed bool             // see Assumed
	leftOut map[string]error // members that were published and cannot be used, with the reason
}

// Provider returns what identifies the server.
func (m *ServerMetadata) Provider() Provider { return Provider{m.Issuer, m.FoundAt} }

// Assumed reports whether nothing was published: the endpoints are the default ones for
// a server of MCP 2025-03-26.
func (m *ServerMetadata) Assumed() bool { return m.assumed }

// LeftOut returns why members of the published document were left out, in the order of
// their names. Such a fault alone does not end a login.
func (m *ServerMetadata) LeftOut() (reasons []error) {
	for _, name := range slices.Sorted(maps.Keys(m.leftOut)) {
		reasons = append(reasons, m.leftOut[name])
	}
	return reasons
}

// parseServerMetadata reads the metadata of an authorization server. Endpoints
// that must not be used (MCP 2025-11-25, Authorization, Communication Security) are
// left out, before anything is registered and before a browser sees them; whether a
// login needs one of them is known only later. A document that holds nothing of
// metadata is foreign.ErrNoObject.
func parseServerMetadata(body []byte) (*ServerMetadata, error) {
	o, err := foreign.ParseObject(body)
	if err != nil {
		return nil, err
	}
	m := &ServerMetadata{
		Issuer:                o.Text("issuer"),
		AuthorizationEndpoint: endpoint(o, "authorization_endpoint"),
		TokenEndpoint:         endpoint(o, "token_endpoint"),
		RegistrationEndpoint:  endpoint(o, "registration_endpoint"),
		RevocationEndpoint:    endpoint(o, "revocation_endpoint"),
		DeviceEndpoint:        endpoint(o, "device_authorization_endpoint"),
		EndSessionEndpoint:    endpoint(o, "end_session_endpoint"),
		PushedEndpoint:        endpoint(o, "pushed_authorization_request_endpoint"),
		RequirePushed:         o.Flag("require_pushed_authorization_requests"),
		ScopesSupported:       o.List("scopes_supported"),
		GrantTypesSupported:   o.List("grant_types_supported"),
		CodeChallengeMethods:  o.List("code_challenge_methods_supported"),
		TokenAuthMethods:      o.List("token_endpoint_auth_methods_supported"),
		TokenAuthAlgorithms:   o.List("token_endpoint_auth_signing_alg_values_supported"),
		DPoPAlgorithms:        o.List("dpop_signing_alg_values_supported"),
		IssParameterSupported: o.Flag("authorization_response_iss_parameter_supported"),
		ClientIDMetadata:      o.Flag("client_id_metadata_document_supported"),
		CertificateBound:      o.Flag("tls_client_certificate_bound_access_tokens"),
		leftOut:               o.Faults,
	}
	m.readAliases(o)
	m.RequirePushed = m.RequirePushed && m.PushedEndpoint != "" // else nobody could sign in
	if m.Issuer == "" && m.TokenEndpoint == "" && len(o.Faults) == 0 {
		return m, foreign.ErrNoObject
	}
	return m, nil
}

// certificateMethods are the ways to authenticate by a certificate (RFC 8705, section 2).
var certificateMethods = []string{"tls_client_auth", "self_signed_tls_client_auth"}

// TakesCertificate reports whether clients can authenticate by a certificate at the server.
// Unless beside is set they can do so in no other way.
func (m *ServerMetadata) TakesCertificate(beside bool) bool {
	others := slices.DeleteFunc(slices.Clone(m.TokenAuthMethods), func(method string) bool { return slices.Contains(certificateMethods, method) })
	return len(others) < len(m.TokenAuthMethods) && (beside || len(others) == 0)
}

// BindsToCertificate reports whether the server binds tokens to the certificate of a client
// (RFC 8705, section 3) and the resource wants that.
func (m *ServerMetadata) BindsToCertificate() bool {
	return m.CertificateWanted && (m.CertificateBound || len(m.Aliases) > 0)
}

// AtCertificate returns the address of an endpoint for a client that shows a certificate
// (RFC 8705, section 5), which is the endpoint itself unless the server has another one.
func (m *ServerMetadata) AtCertificate(endpoint string) string {
	for name, usual := range m.aliased() {
		if alias := m.Aliases[name]; usual == endpoint && alias != "" {
			return alias
		}
	}
	return endpoint
}

// aliased are the endpoints that may have an alias.
func (m *ServerMetadata) aliased() map[string]string {
	return map[string]string{
		"token_endpoint": m.TokenEndpoint, "revocation_endpoint": m.RevocationEndpoint,
		"device_authorization_endpoint": m.DeviceEndpoint, "pushed_authorization_request_endpoint": m.PushedEndpoint,
	}
}

func (m *ServerMetadata) readAliases(o foreign.Object) {
	const member = "mtls_endpoint_aliases"
	if !o.Has(member) {
		return
	}
	aliases, err := foreign.ParseObject(o.Members[member])
	if err != nil {
		o.Faults[member] = err
		return
	}
	m.Aliases = map[string]string{}
	for name := range m.aliased() {
		if alias := endpoint(aliases, name); alias != "" {
			m.Aliases[name] = alias
		}
		if err := aliases.Faults[name]; err != nil {
			o.Faults[member] = err
		}
	}
}

// endpoint reads an address that may be used.
func endpoint(o foreign.Object, name string) string {
	address := o.Text(name)
	if address == "" {
		return ""
	}
	if _, err := CheckEndpoint(name, address); err != nil {
		o.Faults[name] = err
		return ""
	}
	return address
}

// check refuses metadata without a token endpoint. An authorization server that only
// has clients without a person may have no authorization endpoint.
func (m *ServerMetadata) check() error {
	if m.TokenEndpoint == "" {
		return m.Missing("token_endpoint", "the authorization server has no token_endpoint")
	}
	return nil
}

// Missing returns the error cause for a member that is needed, with the reason why it
// was left out, if it was published.
func (m *ServerMetadata) Missing(name, cause string) error {
	if err := m.leftOut[name]; err != nil {
		return fmt.Errorf("%s: %w", cause, err)
	}
	return errors.New(cause)
}

// CheckAuthorization returns an error with a hint for a server where no login by
// browser is possible: one without authorization endpoint or without PKCE.
func (m *ServerMetadata) CheckAuthorization() error {
	if m.AuthorizationEndpoint == "" {
		return &hint.Error{
			Op: "check " + foreign.ShortAddress(m.Issuer), Err: m.Missing("authorization_endpoint", "the authorization server has no authorization_endpoint"),
			Hint: "people cannot sign in there with a browser; try --device, or --client-credentials with a registered client",
		}
	}
	return m.checkPKCE()
}

// checkPKCE refuses a server that lists the methods it knows without S256
// (RFC 7636, section 4.2; MCP 2025-11-25, Authorization Code Protection):
// without PKCE a code that leaks from the browser can be spent by anyone. A server that
// lists nothing is sent S256 as well; most of them check it. An empty list counts as
// none (RFC 8414, section 3.2).
func (m *ServerMetadata) checkPKCE() error {
	if m.assumed || m.SilentOnPKCE() || slices.Contains(m.CodeChallengeMethods, "S256") {
		return nil
	}
	return &hint.Error{
		Op:   "check " + foreign.ShortAddress(m.Issuer),
		Err:  fmt.Errorf("the authorization server does not offer PKCE with S256 (it offers only %s)", foreign.Line(fmt.Sprint(m.CodeChallengeMethods))),
		Hint: "ask its operator to support S256 and to publish it in code_challenge_methods_supported",
	}
}

// SilentOnPKCE reports whether the metadata was published and lists no method of PKCE.
func (m *ServerMetadata) SilentOnPKCE() bool { return !m.assumed && len(m.CodeChallengeMethods) == 0 }
