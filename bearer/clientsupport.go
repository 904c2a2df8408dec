package bearer

import "slices"

// clientSupport are the parts of an issuer's metadata (RFC 8414 section 2) that MCP
// clients need. This server does not, so lacking ones are only logged: the
// operator sees why nobody can sign in before anybody tries.
type clientSupport struct {
	ResponseTypes    []string `json:"response_types_supported"`
	GrantTypes       []string `json:"grant_types_supported"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`

	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	RegistrationEndpoint  string `json:"registration_endpoint"`
	MetadataDocuments     bool   `json:"client_id_metadata_document_supported"`
}

// missing lists what keeps MCP clients from signing in at all.
func (a clientSupport) missing() []string {
	var all []string
	lacks := func(yes bool, what string) {
		if yes {
			all = append(all, what)
		}
	}
	lacks(a.AuthorizationEndpoint == "", "authorization_endpoint")
	lacks(a.TokenEndpoint == "", "token_endpoint")
	lacks(!slices.Contains(a.ResponseTypes, "code"), "response type code")
	// RFC 8414 section 2: without the member the default includes it.
	lacks(a.GrantTypes != nil && !slices.Contains(a.GrantTypes, "authorization_code"), "grant type authorization_code")
	// MCP authorization: clients must refuse to go on without it.
	lacks(!slices.Contains(a.ChallengeMethods, "S256"), "PKCE with S256 (code_challenge_methods_supported)")
	return all
}

// takesUnknownClients reports whether a client that the issuer does not know can sign in.
func (a clientSupport) takesUnknownClients() bool {
	return a.RegistrationEndpoint != "" || a.MetadataDocuments
}

// logClientSupport logs what clients will miss at the issuer, once for each version of
// the document.
func (p *provider) logClientSupport(m metadata) {
	if lacking := m.missing(); len(lacking) > 0 {
		p.log.Warn("MCP clients cannot sign in at this issuer", "issuer", p.issuer, "lacking", lacking)
		return
	}
	if !m.takesUnknownClients() {
		p.log.Info("the issuer takes no clients that it does not know: they need a client id of it", "issuer", p.issuer)
	}
}
