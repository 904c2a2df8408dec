package grant

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/oauth/discovery"
)

// documentRedirects are the redirect URIs of the project's client ID metadata document:
// where the listener is unless somebody says otherwise, and with the path of mcp-remote,
// whose command lines imply it. They have no port, as any free one is used, which a
// provider must let pass (RFC 8252, section 7.3).
var documentRedirects = []string{
	"http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback",
	"http://127.0.0.1/oauth/callback", "http://localhost/oauth/callback", "http://[::1]/oauth/callback",
}

// InDocument reports whether a redirect URI, without its port, is one of the project's
// client ID metadata document.
func InDocument(redirectURI string) bool { return slices.Contains(documentRedirects, redirectURI) }

// Document returns the project's client ID metadata document
// (draft-ietf-oauth-client-id-metadata-document, section 4) for the address that it is
// published at.
func Document(address string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"client_id": address, "client_name": "mcp-login", "redirect_uris": documentRedirects,
		"grant_types": []string{typeCode, "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": authNone, "application_type": "native",
	}, json.Deterministic(true), jsontext.WithIndent("  "))
}

// DocumentClient returns the client with this client ID metadata document as its
// identifier.
func DocumentClient(server *discovery.ServerMetadata, document, redirectURI string) Registration {
	return Registration{Issuer: server.Issuer, FoundAt: server.FoundAt, ClientID: document, RedirectURI: redirectURI, AuthMethod: authNone}
}
