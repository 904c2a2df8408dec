package oauth

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/foreign"
)

// ResourceMetadata is the part of protected-resource metadata (RFC 9728,
// section 2) that a client acts on.
type ResourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
}

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
	ScopesSupported       []string `json:"scopes_supported,omitempty"`
	GrantTypesSupported   []string `json:"grant_types_supported,omitempty"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported,omitempty"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	IssParameterSupported bool     `json:"authorization_response_iss_parameter_supported,omitzero"`
	ClientIDMetadata      bool     `json:"client_id_metadata_document_supported,omitzero"`
	// FoundAt is what the metadata was asked for under, where that is not Issuer and
	// a person has accepted that it calls itself so; else "". No document sets it.
	FoundAt string `json:"found_at,omitzero"`
	// assumed marks metadata made up for a server of 2025-03-26 that
	// publishes none: default endpoints, nothing known about it.
	assumed bool
	// leftOut are members that were published and cannot be used, with the reason.
	leftOut map[string]error
}

// LeftOut returns the reasons why members of the published document were left
// out, in the order of their names; they lead to no login and end none.
func (m ServerMetadata) LeftOut() (reasons []error) {
	for _, name := range slices.Sorted(maps.Keys(m.leftOut)) {
		reasons = append(reasons, m.leftOut[name])
	}
	return reasons
}

// decodeStrict reads one JSON object with exact-case names and refuses
// duplicate ones, into a struct.
func decodeStrict(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return errNoObject
	}
	return nil
}

// decodeResourceMetadata reads protected-resource metadata. What names neither
// the resource nor a provider is something else.
func decodeResourceMetadata(body []byte) (ResourceMetadata, error) {
	o, err := decodeObject(body)
	if err != nil {
		return ResourceMetadata{}, err
	}
	m := ResourceMetadata{Resource: o.text("resource"), AuthorizationServers: o.list("authorization_servers"), ScopesSupported: o.list("scopes_supported")}
	if m.Resource == "" && len(m.AuthorizationServers) == 0 {
		return m, errNoObject
	}
	return m, nil
}

// decodeServerMetadata reads the metadata of an authorization server. Endpoints
// that must not be used (no https: MCP, Authorization, Communication Security) are
// left out before anything is registered and before a browser sees them; which of
// them a login needs is known when it needs them. Without a token endpoint there is none.
func decodeServerMetadata(body []byte) (ServerMetadata, error) {
	o, err := decodeObject(body)
	if err != nil {
		return ServerMetadata{}, err
	}
	m := ServerMetadata{
		Issuer:                o.text("issuer"),
		AuthorizationEndpoint: o.endpoint("authorization_endpoint"),
		TokenEndpoint:         o.endpoint("token_endpoint"),
		RegistrationEndpoint:  o.endpoint("registration_endpoint"),
		RevocationEndpoint:    o.endpoint("revocation_endpoint"),
		DeviceEndpoint:        o.endpoint("device_authorization_endpoint"),
		EndSessionEndpoint:    o.endpoint("end_session_endpoint"),
		ScopesSupported:       o.list("scopes_supported"),
		GrantTypesSupported:   o.list("grant_types_supported"),
		CodeChallengeMethods:  o.list("code_challenge_methods_supported"),
		TokenAuthMethods:      o.list("token_endpoint_auth_methods_supported"),
		TokenAuthAlgorithms:   o.list("token_endpoint_auth_signing_alg_values_supported"),
		IssParameterSupported: o.flag("authorization_response_iss_parameter_supported"),
		ClientIDMetadata:      o.flag("client_id_metadata_document_supported"),
		leftOut:               o.faults,
	}
	if m.Issuer == "" && m.TokenEndpoint == "" && len(o.faults) == 0 {
		return m, errNoObject
	}
	return m, nil
}

// check refuses metadata that leads nowhere. An authorization server for machines
// may have no authorization endpoint.
func (m ServerMetadata) check() error {
	if m.TokenEndpoint == "" {
		return m.without("token_endpoint", "the authorization server has no token_endpoint")
	}
	return nil
}

// without is the error for a member that is needed, with the reason why it was
// left out, if it was published.
func (m ServerMetadata) without(name, cause string) error {
	if err := m.leftOut[name]; err != nil {
		return fmt.Errorf("%s: %w", cause, err)
	}
	return errors.New(cause)
}

// checkAuthorization refuses a server where no browser login is possible.
func (m ServerMetadata) checkAuthorization() error {
	if m.AuthorizationEndpoint == "" {
		return &Error{
			Op: "check " + foreign.ShortAddress(m.Issuer), Err: m.without("authorization_endpoint", "the authorization server has no authorization_endpoint"),
			Hint: "people cannot sign in there with a browser; try --device, or --client-credentials with a registered client",
		}
	}
	return m.checkPKCE()
}

// checkPKCE refuses a server that says which methods it knows, and not S256
// (RFC 7636, section 4.2; MCP 2025-11-25, Authorization Code Protection):
// without PKCE a code that leaks from the browser can be spent by anyone. One that
// says nothing gets S256 as well; most of those that say nothing check it. An empty
// list is one (RFC 8414, section 3.2: such a member is left out).
func (m ServerMetadata) checkPKCE() error {
	if m.assumed || m.SilentOnPKCE() || slices.Contains(m.CodeChallengeMethods, "S256") {
		return nil
	}
	return &Error{
		Op:   "check " + foreign.ShortAddress(m.Issuer),
		Err:  fmt.Errorf("the authorization server does not offer PKCE with S256 (it offers only %s)", foreign.Line(fmt.Sprint(m.CodeChallengeMethods))),
		Hint: "ask its operator to support S256 and to publish it in code_challenge_methods_supported",
	}
}

// SilentOnPKCE reports whether the metadata was published and does not say which
// methods of PKCE the server knows. The endpoints are https, or on loopback.
func (m ServerMetadata) SilentOnPKCE() bool { return !m.assumed && len(m.CodeChallengeMethods) == 0 }

// scopes decides what to ask for (C48 to C51): what the person chose, taken
// literally; else the challenge; else everything the resource lists; else
// nothing. earlier holds what was asked for before, when this is a step-up: then
// the challenge is added to it. offline_access is added only where the server
// lists it, since without it such servers issue no refresh token; it is a scope
// of OpenID requests only, so openid goes with it where listed.
func (m ServerMetadata) scopes(chosen, challenged, supported, earlier []string) []string {
	if len(earlier) > 0 {
		return union(earlier, challenged)
	}
	if chosen != nil {
		return slices.DeleteFunc(slices.Clone(chosen), func(scope string) bool { return scope == "" })
	}
	all := union(challenged)
	if len(all) == 0 {
		all = union(UsableScopes(supported))
	}
	if slices.Contains(m.ScopesSupported, scopeOffline) && m.grants("refresh_token") {
		if slices.Contains(m.ScopesSupported, "openid") {
			all = union(all, []string{"openid"})
		}
		all = union(all, []string{scopeOffline})
	}
	return all
}

// grants reports whether the server offers a grant type; saying nothing means
// the defaults of RFC 8414, and refresh tokens are common even then.
func (m ServerMetadata) grants(grant string) bool {
	return len(m.GrantTypesSupported) == 0 || slices.Contains(m.GrantTypesSupported, grant)
}

// union keeps the order of first appearance.
func union(lists ...[]string) []string {
	var all []string
	known := map[string]bool{}
	for _, list := range lists {
		for _, s := range list {
			if !known[s] {
				known[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}
