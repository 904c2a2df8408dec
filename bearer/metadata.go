package bearer

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"mcp-login/internal/dpop"
)

const (
	// metadataPath stands before the path of a resource (RFC 9728 section 3.1).
	metadataPath = "/.well-known/oauth-protected-resource"
	// Where clients of revision 2025-03-26 look for the issuer's metadata.
	oauthIssuerPath  = "/.well-known/oauth-authorization-server"
	openIDIssuerPath = "/.well-known/openid-configuration"

	// metadataCache lets clients keep the document for a while; it changes only
	// when the operator changes the configuration.
	metadataCache = "public, max-age=3600"
)

// resourceMetadata is the document of RFC 9728 section 3.2.
type resourceMetadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported,omitempty"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ProofAlgorithms        []string `json:"dpop_signing_alg_values_supported,omitempty"`
	ProofRequired          bool     `json:"dpop_bound_access_tokens_required,omitempty"`
	ResourceName           string   `json:"resource_name,omitempty"`
	Documentation          string   `json:"resource_documentation,omitempty"`
	Policy                 string   `json:"resource_policy_uri,omitempty"`
	Terms                  string   `json:"resource_tos_uri,omitempty"`
}

// MetadataURL is where the resource's metadata is, as challenges say. It is built from
// the configuration and never from the Host header, so that nobody can have clients
// sent elsewhere.
func (p *Resource) MetadataURL() string { return p.metadataURL }

// Metadata serves the resource's metadata (RFC 9728), and with
// [Config.RelayIssuerMetadata] the issuer's at their two well-known paths. It belongs at
// the path of [Resource.MetadataURL]; where [Resource.Middleware] answers for the whole
// host it does so itself. Pages of any origin may read it: it is public, and a
// browser-based client needs it before it has anything else.
func (p *Resource) Metadata() http.Handler {
	doc := resourceMetadata{
		Resource: p.identifier, ScopesSupported: p.scopes, BearerMethodsSupported: []string{"header"},
		ResourceName: p.cfg.About.Name, Documentation: p.cfg.About.Documentation, Policy: p.cfg.About.Policy, Terms: p.cfg.About.Terms,
	}
	if p.proofs != nil {
		doc.ProofAlgorithms, doc.ProofRequired = dpop.Algorithms(), p.proofs.Required
	}
	for _, issuer := range p.providers {
		doc.AuthorizationServers = append(doc.AuthorizationServers, issuer.issuer)
	}
	var body strings.Builder
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc) // of texts only
	text := []byte(strings.TrimSuffix(body.String(), "\n"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.cfg.RelayIssuerMetadata && isIssuerPath(r.URL.EscapedPath()) {
			p.relayIssuerMetadata(w, r)
			return
		}
		servePublic(w, r, metadataCache, text)
	})
}

func isIssuerPath(path string) bool { return path == oauthIssuerPath || path == openIDIssuerPath }

// answersMetadata reports whether a path is one of [Resource.Metadata].
func (p *Resource) answersMetadata(path string) bool {
	return path == metadataPath || strings.HasPrefix(path, metadataPath) && strings.HasSuffix(p.metadataURL, path) ||
		p.cfg.RelayIssuerMetadata && isIssuerPath(path)
}

// IssuerMetadata returns the metadata of [Config.Issuer] as it has sent them (RFC 8414,
// OpenID Connect Discovery), which must not be changed. The error matches [ErrUnavailable].
func (p *Resource) IssuerMetadata(ctx context.Context) ([]byte, error) {
	m, _, err := p.providers[0].metadata.get(ctx)
	return m.document, err
}

// relayIssuerMetadata serves the issuer's own document, byte for byte, for
// clients of revision 2025-03-26, which look for authorization server metadata
// at the MCP server's origin. Later clients find the issuer through the
// resource metadata first and never come here.
func (p *Resource) relayIssuerMetadata(w http.ResponseWriter, r *http.Request) {
	document, err := p.IssuerMetadata(r.Context())
	if err != nil {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Retry-After", strconv.Itoa(pauseAfter(err)))
		(&problem{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
			text: "The authorization server's metadata cannot be read at present.",
		}).write(w)
		return
	}
	servePublic(w, r, "public, max-age=300", document)
}

// servePublic answers GET and HEAD, and a browser's preflight, for a JSON
// document that anyone may read.
func servePublic(w http.ResponseWriter, r *http.Request, cache string, body []byte) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", cache)
		_, _ = w.Write(body)
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET")
		// Clients send MCP-Protocol-Version along, which is not a header a
		// page may set without asking.
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		(&problem{status: http.StatusMethodNotAllowed, code: "invalid_request", text: "This method is not allowed here."}).write(w)
	}
}
